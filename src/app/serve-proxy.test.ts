import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { loadSpec } from './load-spec.ts';
import { proxyStatus, serveProxy } from './serve-proxy.ts';

test.each([
  ['between two protocols, also unasked', '', 'from mysql to postgres no proxy can carry clients'],
  ['where the file says so', 'traffic: { router: none }\n', '`traffic.router` is none'],
])('no proxy is served %s', async (_, traffic, says) => {
  const folder = await mkdtemp(join(tmpdir(), 'teal-serve-'));
  try {
    const file = join(folder, 'teal.yaml');
    await writeFile(
      file,
      `teal: 1\nname: shop\nblue: { system: mysql, url: mysql://b/shop }\ngreen: { url: postgres://g/shop }\n${traffic}`,
    );
    const loaded = loadSpec(file, {});
    for (const asked of [serveProxy(loaded), proxyStatus(loaded)]) {
      await expect(asked).rejects.toMatchObject({ code: 'TEAL-TRAFFIC-006', message: expect.stringContaining(says) });
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
