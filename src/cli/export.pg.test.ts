import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { place } from './test-support/place.ts';

test('export flink-cdc writes the tables of the file as a pipeline, with no password and no change on either side', async () => {
  await using here = await place();
  await here.blue.query(
    'create schema teal_like; create table customer (id int primary key); create table teal_like.entry (id int primary key); create unlogged table cache (id int primary key)',
  );
  const printed = await here.run('export', 'flink-cdc', '--kafka', 'one:9092,two:9092', '--parallelism', '3');
  expect(printed).toMatchObject({ code: 0, err: '' });
  const pipeline: unknown = parse(printed.out);
  expect(pipeline).toMatchObject({
    source: {
      type: 'postgres',
      hostname: '127.0.0.1',
      password: '${BLUE_PASSWORD}',
      tables: `${here.blue.name}.public.customer, ${here.blue.name}.teal_like.entry`,
    },
    sink: { type: 'kafka', 'properties.bootstrap.servers': 'one:9092,two:9092' },
    route: [
      { 'source-table': 'public.customer', 'sink-table': 'public.customer' },
      { 'source-table': 'teal_like.entry', 'sink-table': 'teal_like.entry' },
    ],
    pipeline: { name: 'teal shop', parallelism: 3 },
  });

  const written = await here.run('export', 'flink-cdc', '--kafka', 'one:9092,two:9092', '--out', 'pipeline.yaml');
  expect(written).toMatchObject({ code: 0, out: '', err: '' });
  expect(parse(await readFile(join(here.folder, 'pipeline.yaml'), 'utf8'))).toMatchObject({
    pipeline: { parallelism: 4 },
  });
});

test('export flink-cdc says what it lacks', async () => {
  await using here = await place();
  await here.blue.query('create table log (line text)');
  const nowhere = await here.run('export', 'flink-cdc');
  expect(nowhere.code).toBe(1);
  expect(nowhere.err).toContain('TEAL-CARRIERS-042');
  const keyless = await here.run('export', 'flink-cdc', '--kafka', 'one:9092');
  expect(keyless.code).toBe(1);
  expect(keyless.err).toContain('TEAL-CARRIERS-040');
  expect(keyless.err).toContain('public.log: it has no primary key');
});
