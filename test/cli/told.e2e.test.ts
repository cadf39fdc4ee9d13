import { readFile, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { httpDouble } from '../../src/gates/test-support/http-double.ts';
import { runNode, tealPlace, type Ran } from '../support/teal-place.ts';
import { tealMain } from '../support/program.ts';

const schema = `create table visit (id int primary key, at timestamptz not null, what text);
  insert into visit select n, '2026-01-01 00:00Z'::timestamptz + n * interval '1 hour', 'seen ' || n from generate_series(1, 400) n`;
/** What a flow that was ended too early would leave, and somebody who wrote times by another clock. */
const spoil = `set session_replication_role = replica;
  select pg_replication_origin_create('spoiler'); select pg_replication_origin_session_setup('spoiler');
  delete from visit where id > 370; update visit set at = at + interval '2 hours' where id % 10 = 0`;
const secret = 'PlantedSecret';

test('a real run is told to a webhook and a collector, its logs name it, and a comparison says why rows differ', async () => {
  await using server = await httpDouble();
  await using place = await tealPlace({
    schema,
    spec: 'cutover: { gates: [{ person: dba }] }\nnotify: [{ webhook: "${HOOK}", on: [stage, approval] }]',
  });
  const env = {
    ...place.env,
    HOOK: `${server.url}/hook/${secret}`,
    OTEL_EXPORTER_OTLP_ENDPOINT: server.url,
    OTEL_EXPORTER_OTLP_HEADERS: `authorization=${secret}`,
  };
  const teal = async (...args: readonly string[]): Promise<Ran> => runNode(place.folder, env, tealMain, ...args);
  const up = await teal('up');
  expect(up).toMatchObject({ code: 4 });

  const events = server.asked
    .filter(({ path }) => path.startsWith('/hook/'))
    .map(({ body }) => JSON.parse(body) as { type: string; data: { stage?: string } });
  const stagesOf = (type: string): readonly unknown[] =>
    events.filter((event) => event.type === type).map(({ data }) => data.stage);
  expect(stagesOf('teal.stage.begun')).toEqual(stagesOf('teal.stage.ended'));
  expect(stagesOf('teal.stage.ended')).toContain('copy');
  expect(events.at(-1)?.type).toBe('teal.approval.needed');

  const spans = server.asked
    .filter(({ path }) => path === '/v1/traces')
    .flatMap(({ body }) => [...body.matchAll(/"spanId":"\w+","(?:parentSpanId":"(\w+)",")?name":"([^"]+)"/g)])
    .map(([, parent, name]) => [parent === undefined, name]);
  expect(spans.filter(([isRoot]) => isRoot)).toEqual([[true, 'teal up']]);
  expect(spans.map(([, name]) => name)).toEqual(
    expect.arrayContaining(['stage copy', 'step follow:deploy-reverse', 'gate cutover.gates[0]']),
  );

  await place.query('green', spoil);
  const verified = await teal('verify');
  expect(verified.code).toBe(3);
  expect(verified.out).toMatch(/probably since \((?:at|id)\): .*; 30 of 30 missing\s+on green/s);
  expect(verified.out).toMatch(/probably time zone \(at\): green is \+02:00 from blue; 37 of 37 different/);
  const state = join(place.folder, '.teal', 'shop');
  const [kept = ''] = await readdir(join(state, 'differences'));
  const file = join(state, 'differences', kept);
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect(JSON.parse(await readFile(file, 'utf8'))).toMatchObject({
    format: 'teal-differences',
    tables: [{ table: 'public.visit' }],
  });

  for (const log of ['carrier-forward/worker.log', 'carrier-reverse/worker.log', 'supervisor/log', 'proxy/log']) {
    const lines = (await readFile(join(state, log), 'utf8')).split('\n').filter((line) => line !== '');
    for (const line of lines) expect(JSON.parse(line), log).toMatchObject({ migration: 'shop', level: 30 });
  }
  const report = await teal('report');
  for (const ran of [up, verified, report]) expect(ran.out + ran.err).not.toContain(secret);
});
