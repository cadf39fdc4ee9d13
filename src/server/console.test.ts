import { OpenAPIHono } from '@hono/zod-openapi';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliDecompressSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { strictHeaders } from './strict-headers.ts';
import { consoleRoutes, readConsole, type ConsoleFiles } from './console.ts';
import type { ApiEnvironment } from './environment.ts';

function appWith(files: ConsoleFiles | undefined): OpenAPIHono<ApiEnvironment> {
  const app = new OpenAPIHono<ApiEnvironment>();
  app.use(strictHeaders(false));
  consoleRoutes(app, files);
  return app;
}

test('the page and its assets are served under a strict policy, small, and kept by their names', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'teal-console-'));
  try {
    mkdirSync(join(folder, 'assets'));
    writeFileSync(join(folder, 'index.html'), '<!doctype html><p>the page');
    writeFileSync(join(folder, 'assets/index-abc.js'), 'void 0;');
    const app = appWith(readConsole(folder));

    const page = await app.request('/');
    expect([page.status, await page.text()]).toEqual([200, '<!doctype html><p>the page']);
    const policy = page.headers.get('content-security-policy') ?? '';
    expect(policy).toContain("default-src 'none'; script-src 'self'; style-src 'self'");
    expect(policy).not.toMatch(/unsafe|https?:|data:|\*/);
    expect(page.headers.get('cache-control')).toBe('no-store');

    const asset = await app.request('/assets/index-abc.js', { headers: { 'accept-encoding': 'gzip, br' } });
    expect(Object.fromEntries(asset.headers)).toMatchObject({
      'content-type': 'text/javascript; charset=utf-8',
      'content-encoding': 'br',
      'cache-control': 'public, max-age=31536000, immutable',
      'x-content-type-options': 'nosniff',
    });
    expect(brotliDecompressSync(await asset.arrayBuffer()).toString()).toBe('void 0;');
    expect(await (await app.request('/assets/index-abc.js')).text()).toBe('void 0;');
    expect((await app.request('/assets/..%2findex.html')).status).toBe(404);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('where it was not built the page says what to run', async () => {
  expect(readConsole('/nowhere')).toBeUndefined();
  const page = await appWith(undefined).request('/');
  expect(page.status).toBe(503);
  expect(await page.text()).toContain('make console');
});
