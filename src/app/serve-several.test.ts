import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { carrierPaths } from '../carriers/embedded/config.ts';
import type { JournalEvent } from '../journal/events.ts';
import { journalPath, openJournal, openJournalReader } from '../journal/journal.ts';
import { runStarted } from '../journal/test-support/events.ts';
import { migrationsSchema } from '../server/page-schemas.ts';
import { problemSchema } from '../server/problems.ts';
import { journalPageSchema, migrationSchema } from '../server/schemas.ts';
import { loadSpec } from './load-spec.ts';
import { newToken, serveApi, type ServeApiOptions, type ServedApi } from './serve-api.ts';
import { filesIn } from './served-migrations.ts';
import { askApi, openApiAnswer, type ApiAnswer } from './test-support/ask-api.ts';

const env = { PATH: process.env['PATH'] ?? '' };
const gate = 'cutover.gates[0]';
const specOf = (name: string): string => `teal: 1
name: ${name}
stateDir: ./state-${name}
blue: { url: "postgres://127.0.0.1:1/${name}" }
green: { url: "postgres://127.0.0.1:2/${name}" }
cutover: { gates: [{ person: dba }] }
`;

let folder = '';
let logged: string[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'teal-several-'));
  logged = [];
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A migration file in the folder, that was begun. */
function begun(name: string, ...events: readonly JournalEvent[]): string {
  const file = join(folder, `${name}.yaml`);
  writeFileSync(file, specOf(name));
  const { stateDir } = loadSpec(file, env);
  mkdirSync(stateDir, { recursive: true });
  using journal = openJournal(stateDir);
  journal.append({ ...runStarted, migration: name } as JournalEvent, ...events);
  return file;
}

async function served(file: readonly string[], more: Partial<ServeApiOptions> = {}): Promise<ServedApi> {
  const log = (event: string, facts: Readonly<Record<string, unknown>>): number =>
    logged.push(`${event} ${JSON.stringify(facts)}`);
  return serveApi({ file, env, listen: '127.0.0.1:0', names: [], log, ...more });
}

const codeOf = (answer: ApiAnswer): string => problemSchema.parse(answer.json).code;
type Told = ReturnType<typeof migrationsSchema.parse>['migrations'];
async function list({ url }: ServedApi, token?: string): Promise<Told> {
  const answer = await askApi(url, { path: '/api/v1/migrations', ...(token === undefined ? {} : { token }) });
  expect(answer.status, answer.text).toBe(200);
  return migrationsSchema.parse(answer.json).migrations;
}

test('each is told in the list and by its name, and none by a path that names none', async () => {
  const files = [begun('shop'), begun('stock', { type: 'note', text: 'of stock alone' })];
  await using api = await served(files);
  expect((await list(api)).map(({ name, begun: was, migration }) => [name, was, migration?.live])).toEqual([
    ['shop', true, 'blue'],
    ['stock', true, 'blue'],
  ]);
  expect((await askApi(api.url, { path: '/api/v1/caller' })).json).toMatchObject({
    migration: 'shop, stock',
    migrations: ['shop', 'stock'],
  });
  const one = await askApi(api.url, { path: '/api/v1/migrations/stock/migration' });
  expect(migrationSchema.parse(one.json).name).toBe('stock');
  const records = async (name: string): Promise<number> => {
    const { json } = await askApi(api.url, { path: `/api/v1/migrations/${name}/journal?after=0` });
    return journalPageSchema.parse(json).records.length;
  };
  expect([await records('shop'), await records('stock')]).toEqual([1, 2]);
  const metrics = await askApi(api.url, { path: '/api/v1/migrations/stock/metrics' });
  expect(metrics.text).toContain('teal_info{migration="stock"');
  for (const path of ['/api/v1/migration', '/api/v1/journal', '/metrics', '/api/v1/gates']) {
    const answer = await askApi(api.url, { path });
    expect([answer.status, codeOf(answer)], path).toEqual([400, 'TEAL-SERVER-040']);
  }
  for (const name of ['none', 'Shop', 'shop%2f..', '__proto__']) {
    const answer = await askApi(api.url, { path: `/api/v1/migrations/${name}/gates` });
    expect([answer.status, codeOf(answer)], name).toEqual([404, 'TEAL-SERVER-009']);
  }
});

test('a single one is in the list too, and is asked for by either path', async () => {
  await using api = await served([begun('shop')]);
  expect((await list(api)).map(({ name }) => name)).toEqual(['shop']);
  const [short, long] = await Promise.all(
    ['/api/v1/gates', '/api/v1/migrations/shop/gates'].map(async (path) => askApi(api.url, { path })),
  );
  expect([short?.status, short?.json]).toEqual([200, long?.json]);
  expect((await askApi(api.url, { path: '/api/v1/caller' })).json).not.toHaveProperty('migrations');
});

test('what is asked of one is done to that one alone, in its own journal', async () => {
  const files = [begun('shop'), begun('stock')];
  const [shop = '', stock = ''] = files.map((file) => loadSpec(file, env).stateDir);
  const ada = newToken(loadSpec(files[0] ?? '', env), 'ada', ['approve', 'operate']);
  await using api = await served(files);
  const yes = { method: 'POST', path: '/api/v1/migrations/stock/approvals', body: { gate } };
  expect((await askApi(api.url, yes)).status).toBe(401);
  expect((await askApi(api.url, { ...yes, token: ada })).status).toBe(201);
  const callsIn = (stateDir: string): readonly unknown[] => {
    using reader = openJournalReader(stateDir);
    reader.refresh();
    return reader.records().flatMap(({ event }) => (event.type === 'callAccepted' ? [event.call] : []));
  };
  expect([callsIn(shop), callsIn(stock)]).toEqual([[], [`approve ${gate}`]]);
  expect(logged.join('\n')).toContain('approved {"migration":"stock","by":"ada"');
  const headers = { 'idempotency-key': 'key-00001' };
  const path = '/api/v1/migrations/stock/commands';
  const dry = { method: 'POST', path, token: ada, headers, body: { command: 'verify', dryRun: true } };
  expect((await askApi(api.url, dry)).json).toMatchObject({ wouldStart: true });
  const asked = await askApi(api.url, { ...dry, body: { command: 'verify' } });
  expect(asked.status, asked.text).toBe(202);
  expect(asked.headers.location).toMatch(/^\/api\/v1\/migrations\/stock\/commands\/[0-9a-f]{32}$/);
  const commandsOf = async (name: string): Promise<unknown> =>
    (await askApi(api.url, { path: `/api/v1/migrations/${name}/commands`, token: ada })).json;
  expect(await commandsOf('shop')).toEqual({ commands: [] });
  expect(await commandsOf('stock')).toMatchObject({ commands: [{ command: 'verify', by: 'ada' }] });
  const id = /[0-9a-f]{32}$/.exec(asked.headers.location ?? '')?.[0] ?? '';
  const foreign = await askApi(api.url, { path: `/api/v1/migrations/shop/commands/${id}`, token: ada });
  expect([foreign.status, codeOf(foreign)]).toEqual([404, 'TEAL-SERVER-009']);
});

test('events are those of the one that is followed', async () => {
  const files = [begun('shop'), begun('stock')];
  await using api = await served(files);
  const stream = await openApiAnswer(api.url, { path: '/api/v1/migrations/stock/events' });
  for (const [name, text] of [
    ['shop', 'not heard'],
    ['stock', 'heard'],
  ] as const) {
    using journal = openJournal(loadSpec(join(folder, `${name}.yaml`), env).stateDir);
    journal.append({ type: 'note', text });
  }
  let said = '';
  for await (const chunk of stream.setEncoding('utf8') as AsyncIterable<string>) {
    said += chunk;
    if (said.includes('"text":"heard"')) break;
  }
  expect(said).not.toContain('not heard');
});

test('one that cannot be told takes down no other, and is served once it can be', async () => {
  const files = [
    begun('shop'),
    begun('stock'),
    begun('cellar'),
    join(folder, 'broken.yaml'),
    join(folder, 'none.yaml'),
  ];
  writeFileSync(join(folder, 'broken.yaml'), 'teal: 1\nname: broken\nblue: {}\n');
  writeFileSync(journalPath(loadSpec(join(folder, 'cellar.yaml'), env).stateDir), 'not a journal any more');
  writeFileSync(join(folder, 'twin.yaml'), specOf('shop'));
  writeFileSync(join(folder, 'new.yaml'), specOf('new'));
  await using api = await served([...files, join(folder, 'twin.yaml'), join(folder, 'new.yaml')]);
  const told = await list(api);
  expect(told.map(({ name, begun: was, problem }) => [name, was, problem?.code.slice(0, 12)])).toEqual([
    ['shop', true, undefined],
    ['stock', true, undefined],
    ['cellar', false, 'TEAL-JOURNAL'],
    ['broken.yaml', false, 'TEAL-SPEC-00'],
    ['none.yaml', false, 'TEAL-SPEC-00'],
    ['twin.yaml', false, 'TEAL-SERVER-'],
    ['new', false, undefined],
  ]);
  expect(told.find(({ name }) => name === 'twin.yaml')?.problem?.code).toBe('TEAL-SERVER-041');
  expect((await askApi(api.url, { path: '/api/v1/migrations/stock/migration' })).status).toBe(200);
  const broken = await askApi(api.url, { path: '/api/v1/migrations/broken.yaml/migration' });
  expect([broken.status, codeOf(broken)]).toEqual([503, 'TEAL-SPEC-002']);
  expect(logged.join('\n')).toContain('not served {"file":"broken.yaml","code":"TEAL-SPEC-002"}');

  begun('broken');
  await expect
    .poll(async () => (await list(api)).map(({ name }) => name), { timeout: 15_000, interval: 300 })
    .toContain('broken');
  // A file that is broken while it is served tells what still can be told.
  writeFileSync(join(folder, 'stock.yaml'), 'teal: 1\n');
  await expect
    .poll(async () => (await list(api)).find(({ name }) => name === 'stock'), { timeout: 15_000, interval: 300 })
    .toMatchObject({ begun: true, migration: { live: 'blue' }, problem: { code: 'TEAL-SPEC-002' } });
}, 60_000);

test('one that is asked and says nothing holds up the list for seconds, and no other', async () => {
  const files = [begun('shop'), begun('stock')];
  const paths = carrierPaths(loadSpec(files[1] ?? '', env).stateDir, 'forward');
  mkdirSync(paths.folder, { recursive: true, mode: 0o700 });
  const place = join(folder, 'silent.sock');
  const asked: Socket[] = [];
  const silent = createServer((socket) => asked.push(socket)).listen(place);
  await once(silent, 'listening');
  writeFileSync(paths.socket, place);
  await using api = await served(files);
  const told = await list(api);
  expect(told.map(({ name, begun: was, problem }) => [name, was, problem?.code])).toEqual([
    ['shop', true, undefined],
    ['stock', false, 'TEAL-SERVER-042'],
  ]);
  expect(asked.length).toBeGreaterThan(0);
  for (const socket of asked) socket.destroy();
  silent.close();
}, 60_000);

test('of a folder those that say what they are; the first file has the tokens, and must be readable', async () => {
  const files = [begun('shop'), begun('stock')];
  writeFileSync(join(folder, 'compose.yml'), 'services: {}\n');
  writeFileSync(join(folder, 'notes.txt'), 'teal: 1\n');
  expect(filesIn([folder])).toEqual(files);
  expect(filesIn([files[1] ?? '', folder])).toEqual([files[1], files[0]]);
  expect(() => filesIn([join(folder, 'state-shop')])).toThrow(/TEAL-SPEC-001/);
  const ada = newToken(loadSpec(files[0] ?? '', env), 'ada', ['view']);
  await using api = await served([folder]);
  expect((await list(api, ada)).map(({ name }) => name)).toEqual(['shop', 'stock']);
  await expect(served([join(folder, 'none.yaml'), ...files])).rejects.toThrow(/TEAL-SPEC-001/);
  await expect(served([join(folder, 'none.yaml')])).rejects.toThrow(/TEAL-SPEC-001/);
  // With a file of tokens of its own it is told as any other.
  await using other = await served([join(folder, 'none.yaml'), ...files], { tokensFile: join(folder, 'tokens') });
  expect((await list(other)).map(({ name }) => name)).toEqual(['none.yaml', 'shop', 'stock']);
});
