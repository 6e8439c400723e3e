const DAY = '(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)';
const LONG_DAY = '(?:Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday)';
const MONTH = '(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)';
const TIME = '(\\d{2}):(\\d{2}):(\\d{2})';

/**
 * The three forms of RFC 9110 section 5.6.7, in upper or lower case (RFC 9111 section 4.2). HTTP has no other dates,
 * even if `Date.parse` can read them.
 */
const IMF_FIXDATE = new RegExp(`^${DAY}, (\\d{2}) ${MONTH} (\\d{4}) ${TIME} GMT$`, 'i');
const RFC_850 = new RegExp(`^${LONG_DAY}, (\\d{2})-${MONTH}-(\\d{2}) ${TIME} GMT$`, 'i');
const ASCTIME = new RegExp(`^${DAY} ${MONTH} ([ \\d]\\d) ${TIME} (\\d{4})$`, 'i');

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];

/** Milliseconds since 1970; `undefined` for a text that is no HTTP date. */
export function parseHttpDate(text: string): number | undefined {
  const imf = IMF_FIXDATE.exec(text) ?? RFC_850.exec(text);
  if (imf !== null) {
    const [, day, month, year, ...time] = imf;
    return utc(fullYear(year as string), month as string, day as string, time);
  }
  const [, month, day, hours, minutes, seconds, year] = ASCTIME.exec(text) ?? [];
  return year === undefined
    ? undefined
    : utc(Number(year), month as string, day as string, [hours as string, minutes as string, seconds as string]);
}

function utc(
  year: number,
  month: string,
  day: string,
  [hours, minutes, seconds]: readonly string[],
): number | undefined {
  const at = Date.UTC(
    year,
    MONTHS.indexOf(month.toLowerCase()),
    Number(day),
    Number(hours),
    Number(minutes),
    Number(seconds),
  );
  return new Date(at).getUTCDate() === Number(day) ? at : undefined;
}

/** The year that ends with the two digits and is at most 50 years ahead (RFC 9110 section 5.6.7). */
function fullYear(year: string): number {
  if (year.length === 4) return Number(year);
  const thisYear = new Date().getUTCFullYear();
  const sameCentury = thisYear - (thisYear % 100) + Number(year);
  return sameCentury > thisYear + 50 ? sameCentury - 100 : sameCentury;
}
