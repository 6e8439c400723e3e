import { execFileSync } from 'node:child_process';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { type CanActivate, Injectable } from '@nestjs/common';
import { type Browser, chromium, type Page } from 'playwright-core';
import { Cached, CacheKitModule, type CacheKitOptions, CacheService } from '../../src/index.js';
import { PLATFORMS, type RunningApp, startApp } from '../support/nest-app.js';

let isAllowed = true;
@Injectable()
class SwitchedGuard implements CanActivate {
  canActivate(): boolean {
    return isAllowed;
  }
}

@Injectable()
class Products {
  @Cached({ key: (id: number) => `product:${id}`, tags: ['product'], namespace: 'catalog' })
  async find(id: number): Promise<{ id: number }> {
    return { id };
  }
}

const MARKUP = '<img src=x onerror="document.title=1">';
const admin = { guards: [SwitchedGuard] };

let browser: Browser;
let running: RunningApp | undefined;
let page: Page;
/** Everything that must not happen: requests to other hosts, and errors in the console. */
const complaints: string[] = [];

function executable(): string {
  return (
    process.env['CHROMIUM'] ??
    execFileSync('sh', ['-c', 'command -v chromium chromium-browser google-chrome | head -1'], {
      encoding: 'utf8',
    }).trim()
  );
}

beforeAll(async () => {
  browser = await chromium.launch({ executablePath: executable(), args: ['--headless=new', '--no-sandbox'] });
});

afterAll(() => browser.close());

afterEach(async () => {
  await page.close();
  await running?.app.close();
  running = undefined;
  isAllowed = true;
});

describe.each(PLATFORMS)('the dashboard on %s', (platform) => {
  async function open(
    options: CacheKitOptions = { admin },
    fill: (cache: CacheService) => Promise<void> = async () => {},
  ): Promise<{ cache: CacheService; products: Products }> {
    running = await startApp({ imports: [CacheKitModule.forRoot(options)], providers: [Products] }, platform);
    const { app, url } = running;
    await fill(app.get(CacheService));
    complaints.length = 0;
    page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
    page.setDefaultTimeout(15_000);
    page.on('request', (request) => {
      const address = request.url();
      if (!address.startsWith(url) && !address.startsWith('data:')) complaints.push(`request to ${address}`);
    });
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
    });
    page.on('pageerror', (error) => complaints.push(error.message));
    await page.goto(`${url}/admin/cache`);
    return { cache: app.get(CacheService), products: app.get(Products) };
  }

  const live = (): Promise<unknown> => page.waitForSelector('#live.is-live');
  const shows = (selector: string, text: string): Promise<unknown> =>
    page.locator(selector).filter({ hasText: text }).first().waitFor();

  it('moves its numbers as requests come, without asking another host or complaining', async () => {
    const { products } = await open();
    await live();
    await shows('.plot', '0 hits · 0 misses');

    for (let call = 0; call < 10; call++) await products.find(call % 2);

    await shows('.plot', '8 hits · 2 misses');
    await shows('.plot', '80.0 % since the start');
    await shows('#tables', 'Products.find');
    await shows('#tables', 'catalog:product:1');
    expect(complaints).toEqual([]);
  });

  it('counts first, then asks in words, then removes what it should and nothing else', async () => {
    const { cache, products } = await open();
    for (let id = 0; id < 12; id++) await products.find(id);
    await cache.set('other', 1);

    await page.fill('#invalidation [name=tags]', 'product');
    await page.click('#invalidation button.main');
    await shows('#outcome', "12 entries with tag 'product' are stored.");
    const beforeConfirmation = (await cache.list()).entries.length;
    await page.click('#outcome .danger');
    const question = await page.textContent('#confirm-text');
    await page.click('#confirm-yes');
    await shows('#outcome', "Removed 12 entries with tag 'product'.");

    expect(beforeConfirmation).toBe(13);
    expect(question).toBe("Remove 12 entries with tag 'product'?");
    expect((await cache.list()).entries.map(({ key }) => key)).toEqual(['other']);
    expect(complaints).toEqual([]);
  });

  it.each(['Cancel', 'Escape'])('removes nothing after %s', async (no) => {
    const { cache } = await open({ admin }, (filled) => filled.set('k', 1));

    await page.click('#invalidation .switch >> text=Everything');
    await page.click('#invalidation button.main');
    await page.click('#outcome .danger');
    if (no === 'Cancel') await page.click('#confirm-no');
    else await page.keyboard.press('Escape');
    await page.waitForSelector('#confirm', { state: 'hidden' });

    expect(await cache.has('k')).toBe(true);
  });

  it('shows a key that looks like markup as text, explains it and removes it', async () => {
    const { cache } = await open({ admin }, (filled) =>
      filled.set(MARKUP, { secret: 'hidden' }, { tags: ['<b>bold</b>'] }),
    );
    await live();

    await page.fill('#search [name=pattern]', 'onerror');
    await page.click('#search button.main');
    await page.click(`#found button:text-is(${JSON.stringify(MARKUP)})`);
    await shows('.explanation', `The next read of '${MARKUP}' is a hit.`);
    const text = await page.textContent('main');
    await page.click('.explanation .danger');
    await page.click('#confirm-yes');
    await shows('#search-note', 'Removed 1 entry');

    expect(await page.locator('main img, main b').count()).toBe(0);
    expect(text).not.toContain('secret');
    expect(await cache.has(MARKUP)).toBe(false);
    expect(complaints).toEqual([]);
  });

  it("shows values where the options say `values: 'shown'`", async () => {
    await open({ admin: { ...admin, values: 'shown' } }, (cache) => cache.set('k', { visible: [1] }));

    await page.fill('#search [name=pattern]', 'k');
    await page.click('#explain-key');

    await shows('.explanation pre', '"visible"');
  });

  it('turns the pages of the entries forward and back', async () => {
    await open({ admin }, async (cache) => {
      for (let id = 0; id < 30; id++) await cache.set(`user:${id}`, id);
    });

    await page.click('#search button.main');
    await shows('#search-note', '25 entries on page 1');
    await page.click('text=Next page');
    await shows('#search-note', '5 entries on page 2');
    await page.click('text=Previous page');

    await shows('#search-note', '25 entries on page 1');
  });

  it('says that the guards refuse, and goes on when they do not', async () => {
    await open();
    await live();

    isAllowed = false;
    await page.fill('#search [name=pattern]', 'x');
    await page.click('#search button.main');
    await shows('#search-note.bad', 'Forbidden');
    isAllowed = true;
    await page.click('#search button.main');

    await shows('#search-note', '0 entries found.');
  });

  it('is not sent to whom the guards refuse', async () => {
    await open();
    isAllowed = false;

    const response = await page.goto(`${running?.url}/admin/cache`);

    expect(response?.status()).toBe(403);
    expect(await page.locator('#overview').count()).toBe(0);
  });

  it('says that the connection broke, and connects again to the application that comes back', async () => {
    await open();
    await live();
    const port = Number(new URL(running?.url ?? '').port);

    await running?.app.close();
    await shows('#broken', 'The connection broke. Trying again.');
    running = await startApp({ imports: [CacheKitModule.forRoot({ admin })], providers: [Products] }, platform, port);

    await live();
    expect(await page.isHidden('#broken')).toBe(true);
  });

  it.each(['light', 'dark'] as const)('fits a phone, %s', async (colorScheme) => {
    await open({ admin }, (cache) => cache.set('a/long/key/'.repeat(20), 1, { tags: ['t'.repeat(60)] }));
    await page.setViewportSize({ width: 390, height: 844 });
    await page.emulateMedia({ colorScheme });

    await page.click('#search button.main');
    await page.click('#found td button');
    await page.waitForSelector('.explanation');

    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(390);
  });

  it('is used by keyboard alone', async () => {
    const { cache } = await open({ admin }, (filled) => filled.set('k', 1, { tags: ['t'] }));

    await page.focus('#invalidation [name=tags]');
    await page.keyboard.type('t');
    await page.focus('#invalidation button.main');
    await page.keyboard.press('Enter');
    await page.waitForSelector('#outcome .danger');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.waitForSelector('#confirm[open]');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await shows('#outcome', 'Removed 1 entry');

    expect(await cache.has('k')).toBe(false);
  });
});
