import { readFile, writeFile } from 'node:fs/promises';
import { Client } from 'pg';
import { expect, test } from 'vitest';
import { queryUrl, tealPlace } from '../support/teal-place.ts';

test('status tells which clients have not come along, and counts nothing of Teal', async () => {
  await using place = await tealPlace({ schema: 'create table orders (id int primary key)' });
  const file = await readFile(place.file, 'utf8');
  await writeFile(place.file, file.replace(/^traffic: .*$/m, 'traffic: { router: none }'));
  expect(await place.teal('up')).toMatchObject({ code: 4 });
  expect((await place.teal('status')).out).not.toContain('stale');
  await queryUrl(place.blue.url, 'create role shop login superuser');
  const url = new URL(place.blue.url);
  url.username = 'shop';
  const left = new Client({ connectionString: url.href, application_name: 'orders' });
  await left.connect();
  try {
    expect(await place.teal('cutover')).toMatchObject({ code: 0 });
    expect((await place.teal('status')).out).toContain(
      '  stale      1 session of clients is left on blue (shop 1): writes are refused\n             there, reads are old\n',
    );
    await expect(left.query('insert into orders values (1)')).rejects.toMatchObject({ code: '25006' });
  } finally {
    await left.end();
  }
  await expect
    .poll(async () => JSON.parse((await place.teal('status', '--json')).out) as object, { timeout: 30_000 })
    .toMatchObject({ stale: { side: 'blue', users: [] } });
  expect((await place.teal('status')).out).toContain('no client is left on blue');
});
