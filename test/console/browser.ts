import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { AxeBuilder } from '@axe-core/playwright';
import { chromium, type Page } from 'playwright-core';
import { expect } from 'vitest';
import { findChromium } from '../../tools/servers/chromium.ts';

/** Pictures for the docs are taken where this is set; else nothing is written. */
const takesPictures = process.env['TEAL_PICTURES'] !== undefined;
const pictures = resolve('docs/assets/console');

export interface Browser extends AsyncDisposable {
  readonly page: Page;
  /** What the policy of the page has forbidden, and what went wrong in it. */
  readonly complaints: readonly string[];
}

/** One window of the system's Chromium, with a home that goes with it. */
export async function openBrowser(): Promise<Browser> {
  await using stack = new AsyncDisposableStack();
  const { program, env } = await findChromium();
  const home = await mkdtemp(join(tmpdir(), 'teal-browser-'));
  stack.defer(async () => rm(home, { recursive: true, force: true }));
  const { PATH = '' } = process.env;
  const browser = await chromium.launch({
    executablePath: program,
    env: { PATH, HOME: home, ...env },
    timeout: 60_000,
  });
  stack.defer(async () => browser.close());
  const context = await browser.newContext({ viewport: { width: 1360, height: 900 }, reducedMotion: 'reduce' });
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    // A server that is away is told by the browser itself.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource'))
      complaints.push(message.text());
  });
  await page.addInitScript({
    content: `document.addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) =>
      console.error('the policy forbids ' + violatedDirective + ' ' + blockedURI));`,
  });
  page.setDefaultTimeout(60_000);
  const kept = stack.move();
  return { page, complaints, [Symbol.asyncDispose]: async () => kept.disposeAsync() };
}

/** No rule of axe is broken, in either theme. Takes pictures of both, and of a phone's, where they are wanted. */
export async function examine(page: Page, name: string): Promise<void> {
  for (const theme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme: theme });
    const axe = new AxeBuilder({ page });
    // Colours are all that a theme changes.
    const { violations } = await (theme === 'light' ? axe : axe.withRules(['color-contrast'])).analyze();
    const found = violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`));
    expect(found, `${name}, ${theme}`).toEqual([]);
    await picture(page, `${name}-${theme}`);
  }
  await page.emulateMedia({ colorScheme: 'light' });
  const size = page.viewportSize() ?? { width: 1360, height: 900 };
  await page.setViewportSize({ width: 360, height: 780 });
  const overflow = async (): Promise<number> =>
    page.evaluate<number>('document.documentElement.scrollWidth - document.documentElement.clientWidth');
  // Charts are drawn anew when they are told of their width.
  await expect.poll(overflow, { message: `${name} is wider than a phone`, timeout: 2_000 }).toBeLessThanOrEqual(0);
  await picture(page, `${name}-phone`);
  await page.setViewportSize(size);
}

export async function picture(page: Page, name: string): Promise<void> {
  if (!takesPictures) return;
  await mkdir(pictures, { recursive: true });
  await page.screenshot({ path: join(pictures, `${name}.png`) });
}
