import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { waitFor } from '../kernel/clock.ts';
import { place, serving } from './test-support/place.ts';

const tables = `create table orders (id int primary key, name text); insert into orders select n, 'order ' || n from generate_series(1, 20) n`;

test('the commands of the guide: a capture is kept as a baseline and asked of green, never of the live side', async () => {
  await using at = await place();
  expect(await at.run('capture', '--json')).toMatchObject({ code: 1, out: expect.stringContaining('TEAL-APP-020') });
  await at.blue.query(tables);
  await at.green.query(tables);
  const proxy = await serving(at);
  const client = await at.connect();
  const capturing = at.run('capture', '--for', '60s', '--redact', '--out', 'monday.jsonl', '--json');
  const path = join(at.folder, 'monday.jsonl');
  await waitFor(
    { what: 'the capture to begin', timeoutMs: 60_000 },
    async () => (await readFile(path, 'utf8').catch(() => '')).includes('"open"') || undefined,
  );
  for (let times = 0; times < 25; times += 1) await client.query('select name from orders where id = $1', [7]);
  await client.query("insert into orders values (100, 'Ada')");
  expect(await at.run('capture', '--stop')).toMatchObject({ code: 0, out: 'Ended: 26 asks of 1 sessions.\n' });
  const { code, out } = await capturing;
  expect([code, JSON.parse(out)]).toMatchObject([
    0,
    { running: false, ended: ['asked'], asks: 26, dropped: 0, file: path },
  ]);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect(await readFile(path, 'utf8')).not.toContain('Ada');

  const replayed = await at.run('replay', 'monday.jsonl', '--speed', '5', '--slower-than', '100', '--json');
  expect([replayed.code, JSON.parse(replayed.out)]).toMatchObject([
    0,
    { asked: 25, skipped: { 'a write': 1 }, because: [] },
  ]);
  expect(await at.run('baseline', 'monday.jsonl', '--keep', 'blue')).toMatchObject({
    code: 0,
    out: expect.stringContaining('2 statements, kept as blue'),
  });
  expect(await at.run('baseline', 'monday.jsonl', '--compare', 'blue')).toMatchObject({
    code: 0,
    out: expect.stringContaining('As good as blue'),
  });
  expect(await at.run('baseline', 'monday.jsonl', '--compare', 'nothing')).toMatchObject({
    code: 1,
    err: expect.stringContaining('TEAL-APP-023'),
  });

  expect(await at.run('replay', 'monday.jsonl', '--side', 'blue')).toMatchObject({
    code: 1,
    err: expect.stringContaining('TEAL-APP-021'),
  });
  expect(await at.run('replay', 'monday.jsonl', '--to', at.blue.url)).toMatchObject({
    code: 1,
    err: expect.stringContaining('TEAL-APP-021'),
  });
  await at.green.query('create schema teal; drop table orders');
  expect(await at.run('replay', 'monday.jsonl', '--writes')).toMatchObject({
    code: 1,
    err: expect.stringContaining('TEAL-APP-022'),
  });
  expect(await at.run('replay', 'monday.jsonl')).toMatchObject({ code: 3, out: expect.stringContaining('25: 42P01') });
  proxy.end();
  expect(await proxy.ended).toBe(0);
});
