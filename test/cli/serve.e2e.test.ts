import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { askApi, openApiAnswer, type ApiAnswer, type ApiRequest } from '../../src/app/test-support/ask-api.ts';
import { waitFor } from '../../src/kernel/clock.ts';
import { metrics } from '../../src/observe/metrics.ts';
import { describedRoutes } from '../../src/server/named-routes.ts';
import {
  approvalsSchema,
  certificatesSchema,
  commandSchema,
  dryRunSchema,
  migrationSchema,
  type CommandAnswer,
} from '../../src/server/schemas.ts';
import { serving } from '../support/serving.ts';
import { tealPlace } from '../support/teal-place.ts';

const schema = `create table customer (id int generated always as identity primary key, name text not null);
  insert into customer (name) select 'name ' || n from generate_series(1, 1000) n`;

const names = (text: string): ReadonlySet<string> =>
  new Set(Array.from(text.matchAll(/^(teal_[a-z_]+)[ {]/gm), ([, name = '']) => name));

test('a migration is watched, approved, cut over and rolled back by its API, and every route answers as it is described', async () => {
  await using place = await tealPlace({
    schema,
    spec: 'cutover: { gates: [{ person: dba }] }\nanomalies: { every: 1s }',
  });
  const up = await place.teal('up');
  expect(up.code, up.err).toBe(4);
  const token = async (name: string, roles: string): Promise<string> => {
    const made = await place.teal('serve', '--new-token', roles, name);
    expect(made, made.err).toMatchObject({ code: 0 });
    return made.out.trim();
  };
  const [prometheus, ada, bob] = [
    await token('prometheus', 'view'),
    await token('ada', 'approve'),
    await token('bob', 'cut,operate'),
  ];
  await using api = await serving(place);
  const ask = async (by: string, path: string, rest: Omit<ApiRequest, 'path'> = {}): Promise<ApiAnswer> =>
    askApi(api.url, { path, token: by, ...rest });
  const run = async (command: string, key: string): Promise<CommandAnswer> => {
    const headers = { 'idempotency-key': key };
    const asked = await ask(bob, '/api/v1/commands', { method: 'POST', body: { command }, headers });
    expect(asked.status, asked.text).toBe(202);
    const { id } = commandSchema.parse(asked.json);
    return waitFor({ what: `${command} to end`, timeoutMs: 300_000, everyMs: 250 }, async () => {
      const now = commandSchema.parse((await ask(bob, `/api/v1/commands/${id}`)).json);
      return now.state === 'running' ? undefined : now;
    });
  };
  const heard = listen(await openApiAnswer(api.url, { path: '/api/v1/events', token: prometheus }));

  // Nobody has said yes: whoever may cut comes no further than the gate.
  expect(await run('up', 'first-up-1')).toMatchObject({ state: 'done', outcome: { outcome: 'waiting', live: 'blue' } });
  const { approvals } = approvalsSchema.parse((await ask(prometheus, '/api/v1/approvals')).json);
  expect(approvals).toEqual([{ gate: 'cutover.gates[0]', person: 'dba' }]);
  const yes = { method: 'POST', body: { gate: 'cutover.gates[0]' } };
  expect((await ask(bob, '/api/v1/approvals', yes)).status).toBe(403);
  expect((await ask(ada, '/api/v1/approvals', yes)).status).toBe(201);
  const dry = { method: 'POST', body: { command: 'up', dryRun: true }, headers: { 'idempotency-key': 'dry-run-1' } };
  expect(dryRunSchema.parse((await ask(bob, '/api/v1/commands', dry)).json)).toMatchObject({
    wouldStart: true,
    unasked: [],
  });
  expect(await run('up', 'second-up-1')).toMatchObject({ state: 'done', outcome: { outcome: 'done', live: 'green' } });
  await place.query('green', `insert into customer (name) values ('made on green')`);
  expect(await run('rollback', 'back-again-1')).toMatchObject({ state: 'done', outcome: { live: 'blue' } });
  expect(await place.query('blue', `select count(*) as n from customer`)).toEqual([{ n: '1001' }]);
  const verified = await run('verify', 'verify-it-1');
  expect(verified).toMatchObject({ state: 'done', outcome: { equal: true } });

  const report = JSON.parse((await place.teal('report', '--json')).out) as {
    records: { event: Record<string, unknown> }[];
  };
  const calls = report.records.map(({ event }) => event).filter(({ type }) => type === 'callAccepted');
  expect(calls.map(({ by, role }) => `${String(by)} ${String(role)}`)).toEqual([
    'bob cut',
    'ada approve',
    'bob cut',
    'bob cut',
    'bob operate',
  ]);
  expect(await heard).toEqual(
    expect.arrayContaining(['rates', 'approvalGiven', 'cutDecided', 'cutFinished', 'rolledBack']),
  );

  // Every route of the document, by its own schema.
  const { certificates } = certificatesSchema.parse((await ask(prometheus, '/api/v1/certificates')).json);
  const places = { name: certificates[0]?.name ?? '', id: verified.id, migration: 'shop' };
  const document = (await ask(prometheus, '/openapi.json')).json as { paths: Record<string, object> };
  expect(new Set(describedRoutes().map(({ path }) => path))).toEqual(new Set(Object.keys(document.paths)));
  for (const { method, path, responses } of describedRoutes()) {
    const answered = method === 'get' ? responses[200] : undefined;
    const content = answered !== undefined && 'content' in answered ? answered.content : undefined;
    const described: unknown = Reflect.get(content?.['application/json'] ?? {}, 'schema');
    if (!(described instanceof z.ZodType)) continue;
    const answer = await ask(
      prometheus,
      path.replaceAll(/\{(\w+)\}/g, (_, name: keyof typeof places) => places[name]),
    );
    expect(answer.status, `${path}: ${answer.text}`).toBe(200);
    expect(described.safeParse(answer.json).error, path).toBeUndefined();
  }
  const status = JSON.parse((await place.teal('status', '--json')).out) as object;
  const told = migrationSchema.parse((await ask(prometheus, '/api/v1/migration')).json);
  expect(Object.keys(told).sort()).toEqual(Object.keys(status).sort());
  expect(told).toMatchObject({ live: 'blue', phase: 'back' });

  // What a live run measures is what is documented.
  const seen = await waitFor({ what: 'a lag to be measured', timeoutMs: 120_000, everyMs: 500 }, async () => {
    const found = names((await ask(prometheus, '/metrics')).text);
    return found.has('teal_flow_lag_seconds') ? found : undefined;
  });
  const documented = new Set(metrics.map(({ name }) => name as string));
  expect([...seen].filter((name) => !documented.has(name))).toEqual([]);
  // No client has waited in a hold here, schemas may not have been compared yet, nothing is out of the usual of a minute, and the file asks for neither shadow nor canary.
  const onlyMeanwhile =
    /^teal_(progress_|shadow_|canary_|anomaly_deviation|full_in_seconds|flow_retained_log_limit|flow_schema_differences|proxy_longest_wait)/;
  expect([...documented].filter((name) => !seen.has(name) && !onlyMeanwhile.test(name))).toEqual([]);

  const exit = once(api.child, 'exit');
  api.child.kill('SIGTERM');
  expect(await exit).toEqual([0, null]);
  for (const secret of [prometheus, ada, bob, place.blue.url]) expect(api.said()).not.toContain(secret);
});

/** The kinds that were heard, until blue is live again. */
async function listen(stream: Readable): Promise<readonly string[]> {
  let text = '';
  for await (const chunk of stream.setEncoding('utf8') as AsyncIterable<string>) {
    text += chunk;
    if (text.includes('"type":"rolledBack"')) break;
  }
  const kinds = Array.from(text.matchAll(/"type":"(\w+)"/g), ([, kind = '']) => kind);
  return text.includes('event: rates\n') ? [...kinds, 'rates'] : kinds;
}
