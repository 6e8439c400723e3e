/** A family of metrics in a scrape, and its lines by name and labels: `name{cache="a"}`. */
export interface ScrapedFamily {
  readonly help: string;
  readonly type: string;
  readonly samples: Map<string, number>;
}

/**
 * Reads a scrape line by line, as Prometheus does.
 * @throws Error for a line that is neither a comment nor a sample of the family above it, and for a repeated sample
 */
export function parseScrape(text: string): Map<string, ScrapedFamily> {
  const families = new Map<string, ScrapedFamily>();
  let name = '';
  let help = '';
  for (const line of text.split('\n')) {
    if (line === '' || line === '# EOF') continue;
    const [, keyword, subject = '', rest = ''] = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line) ?? [];
    if (keyword === 'HELP') [name, help] = [subject, rest];
    else if (keyword === 'TYPE' && subject === name && !families.has(name))
      families.set(name, { help, type: rest, samples: new Map() });
    else addSample(families.get(name), name, line);
  }
  return families;
}

const SUFFIXES: Readonly<Record<string, readonly string[]>> = {
  counter: ['', '_total'],
  gauge: [''],
  histogram: ['_bucket', '_sum', '_count'],
};

function addSample(family: ScrapedFamily | undefined, name: string, line: string): void {
  const sample = /^([a-z_]+)(\{[a-z]+="(?:[^"\\\n]|\\.)*"(?:,[a-z]+="(?:[^"\\\n]|\\.)*")*\})? (\d+(?:\.\d+)?)$/.exec(
    line,
  );
  const [, sampleName = '', labels = '', value = ''] = sample ?? [];
  const isOfFamily = SUFFIXES[family?.type ?? '']?.some((suffix) => sampleName === name + suffix);
  const key = sampleName + labels;
  if (family === undefined || isOfFamily !== true || family.samples.has(key)) throw new Error(`Unexpected: ${line}`);
  family.samples.set(key, Number(value));
}

/** The samples of one family that are not zero, by name and labels. */
export function counted(scrape: Map<string, ScrapedFamily>, name: string): Record<string, number> {
  const { samples } = scrape.get(name) ?? { samples: new Map<string, number>() };
  return Object.fromEntries([...samples].filter(([, value]) => value !== 0));
}
