import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { waitFor } from '../kernel/clock.ts';
import type { JournalEvent } from '../journal/events.ts';
import { openJournal, openJournalReader } from '../journal/journal.ts';
import { runStarted } from '../journal/test-support/events.ts';
import { problemSchema } from '../server/problems.ts';
import {
  commandSchema,
  differencesSchema,
  dryRunSchema,
  journalPageSchema,
  migrationSchema,
} from '../server/schemas.ts';
import { makeCertificates } from '../../test/support/certificates.ts';
import { sealCertificate } from '../verify/certificate.ts';
import { keepCertificate } from './keep-certificate.ts';
import { keepDifferences } from './keep-differences.ts';
import { keepRepair, readRepair } from './kept-repair.ts';
import { newToken, serveApi, tokenFileOf, type ServeApiOptions, type ServedApi } from './serve-api.ts';
import { loadSpec } from './load-spec.ts';
import { askApi, openApiAnswer, type ApiAnswer, type ApiRequest } from './test-support/ask-api.ts';

const secret = 'PlantedSecret';
const env = {
  PATH: process.env['PATH'] ?? '',
  // Nobody listens there: what asks a system fails at once.
  BLUE_URL: `postgres://teal:${secret}@127.0.0.1:1/shop`,
  GREEN_URL: `postgres://teal:${secret}@127.0.0.1:2/shop`,
};
const spec = `teal: 1
name: shop
blue: { url: "\${BLUE_URL}" }
green: { url: "\${GREEN_URL}" }
cutover: { gates: [{ lag: 1s }, { person: dba }] }
`;
const gate = 'cutover.gates[1]';

let folder = '';
let file = '';
let stateDir = '';
let logged: string[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'teal-api-'));
  file = join(folder, 'teal.yaml');
  writeFileSync(file, spec);
  ({ stateDir } = loadSpec(file, env));
  mkdirSync(stateDir, { recursive: true });
  logged = [];
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function served(options: Partial<ServeApiOptions> = {}): Promise<ServedApi> {
  const log = (event: string, facts: Readonly<Record<string, unknown>>): number =>
    logged.push(`${event} ${JSON.stringify(facts)}`);
  return serveApi({ file, env, listen: '127.0.0.1:0', names: [], log, ...options });
}

function write(...events: readonly JournalEvent[]): void {
  using journal = openJournal(stateDir);
  journal.append(...events);
}

function recorded(): readonly JournalEvent[] {
  using reader = openJournalReader(stateDir);
  reader.refresh();
  return reader.records().map(({ event }) => event);
}

const token = (name: string, ...roles: readonly string[]): string => newToken(loadSpec(file, env), name, roles);
const codeOf = (answer: ApiAnswer): string => problemSchema.parse(answer.json).code;
const note = (text: string): JournalEvent => ({ type: 'note', text });

describe('who may ask', () => {
  test('without tokens everybody on this machine may read, and nobody may do anything', async () => {
    write(runStarted);
    await using api = await served();
    const read = await askApi(api.url, { path: '/api/v1/migration' });
    expect(read.status).toBe(200);
    expect(migrationSchema.parse(read.json)).toMatchObject({ name: 'shop', live: 'blue', phase: 'blue' });
    const approving = await askApi(api.url, { method: 'POST', path: '/api/v1/approvals', body: { gate } });
    expect([approving.status, codeOf(approving)]).toEqual([403, 'TEAL-SERVER-005']);
    // The first token closes the door, also of an API that runs.
    token('ada', 'view');
    expect((await askApi(api.url, { path: '/api/v1/migration' })).status).toBe(401);
  });

  test('with tokens only who has one; many wrong ones do not shut out a right one', async () => {
    write(runStarted);
    const ada = token('ada', 'view');
    await using api = await served();
    const path = '/api/v1/migration';
    const none = await askApi(api.url, { path });
    expect([none.status, codeOf(none), none.headers['www-authenticate']]).toEqual([
      401,
      'TEAL-SERVER-004',
      'Bearer realm="teal"',
    ]);
    // All at once: failures are forgotten while a slow machine counts them.
    const guesses = Array.from({ length: 60 }, async (_, n) => askApi(api.url, { path, token: `teal_${n}` }));
    const statuses = (await Promise.all(guesses)).map(({ status }) => status);
    expect(new Set(statuses)).toEqual(new Set([401, 429]));
    expect(statuses.filter((status) => status === 401).length).toBeGreaterThanOrEqual(19);
    expect((await askApi(api.url, { path, token: ada })).status).toBe(200);
    for (const said of [`Basic ${ada}`, ada, `Bearer ${ada} x`, 'Bearer ']) {
      expect((await askApi(api.url, { path, headers: { authorization: said } })).json).toMatchObject({
        code: expect.stringMatching(/TEAL-SERVER-00[47]/) as string,
      });
    }
    expect((await askApi(api.url, { path: '/healthz' })).json).toEqual({ status: 'ok' });
  });

  test('a token that is revoked hears no more, also in a stream that is open', async () => {
    write(runStarted);
    const ada = token('ada', 'view');
    token('bob', 'view');
    await using api = await served();
    const stream = await openApiAnswer(api.url, { path: '/api/v1/events', token: ada });
    const heard = text(stream);
    const { path } = tokenFileOf(loadSpec(file, env));
    const lines = readFileSync(path, 'utf8').split('\n');
    writeFileSync(path, lines.filter((line) => !line.includes('"ada"')).join('\n'), { mode: 0o600 });
    // It ends by itself.
    expect(await heard).toContain('retry: 2000');
    expect((await askApi(api.url, { path: '/api/v1/events', token: ada })).status).toBe(401);
  });

  test('a path that is none says so only to who may come in', async () => {
    const ada = token('ada', 'view');
    await using api = await served();
    expect(codeOf(await askApi(api.url, { path: '/api/v1/secrets' }))).toBe('TEAL-SERVER-004');
    const answer = await askApi(api.url, { path: '/api/v1/secrets', token: ada });
    expect([answer.status, codeOf(answer)]).toEqual([404, 'TEAL-SERVER-009']);
  });

  test('a page of another site may not ask, nor one whose name was let point here', async () => {
    await using api = await served({ names: ['teal.example.org'] });
    const path = '/healthz';
    const statusWith = async (headers: Readonly<Record<string, string>>): Promise<number> =>
      (await askApi(api.url, { path, headers })).status;
    expect(await statusWith({ host: 'teal.example.org' })).toBe(200);
    expect(await statusWith({ host: 'evil.example' })).toBe(403);
    expect(await statusWith({ origin: 'http://evil.example' })).toBe(403);
    expect(await statusWith({ 'sec-fetch-site': 'cross-site' })).toBe(403);
    expect(await statusWith({ origin: api.url, 'sec-fetch-site': 'same-origin' })).toBe(200);
  });

  test('every answer has the strict headers, refusals too', async () => {
    await using api = await served();
    for (const path of ['/healthz', '/openapi.json', '/api/v1/migration', '/none', '/metrics']) {
      const { headers } = await askApi(api.url, { path });
      expect(headers).toMatchObject({
        'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
        'x-content-type-options': 'nosniff',
        'cache-control': 'no-store',
      });
      expect(headers).not.toHaveProperty('access-control-allow-origin');
      expect(headers).not.toHaveProperty('set-cookie');
    }
  });

  test('other machines only with a token; half a certificate is a mistake; TLS is what clients see', async () => {
    await expect(served({ listen: '0.0.0.0:0' })).rejects.toThrow(/TEAL-SERVER-001/);
    await expect(served({ listen: '7480' })).rejects.toThrow(/TEAL-SERVER-003/);
    await expect(served({ tlsCert: file })).rejects.toThrow(/TEAL-SERVER-003.*belong together/);
    await expect(served({ tlsCert: file, tlsKey: file })).rejects.toThrow(/TEAL-SERVER-003/);
    await using made = await makeCertificates();
    const [tlsCert, tlsKey] = [join(folder, 's.crt'), join(folder, 's.key')];
    writeFileSync(tlsCert, made.server.certificate);
    writeFileSync(tlsKey, made.server.key, { mode: 0o600 });
    const ada = token('ada', 'view');
    await using api = await served({ listen: '0.0.0.0:0', tlsCert, tlsKey });
    const url = api.url.replace('0.0.0.0', '127.0.0.1');
    const ca = readFileSync(made.authorityFile, 'utf8');
    const answer = await askApi(url, { path: '/metrics', token: ada, ca });
    expect([answer.status, answer.headers['strict-transport-security']]).toEqual([200, 'max-age=31536000']);
  });
});

describe('what is told', () => {
  test('the journal, a page at a time', async () => {
    write(runStarted, ...Array.from({ length: 9 }, (_, n) => note(`n ${n}`)));
    await using api = await served();
    const seqs: number[] = [];
    let after: number | undefined = 0;
    while (after !== undefined) {
      const answer = await askApi(api.url, { path: `/api/v1/journal?after=${after}&limit=4` });
      const page = journalPageSchema.parse(answer.json);
      seqs.push(...page.records.map(({ seq }) => seq));
      after = page.next;
    }
    expect(seqs).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    for (const query of ['after=-1', 'after=x', 'limit=0', 'limit=501', 'after=1e2', 'after=1&after=2', 'more=1']) {
      const answer = await askApi(api.url, { path: `/api/v1/journal?${query}` });
      expect([answer.status, codeOf(answer)], query).toEqual([400, 'TEAL-SERVER-008']);
    }
  });

  test('events of what comes, and after what a client has heard', async () => {
    write(runStarted, note('one'), note('two'));
    await using api = await served();
    const opened = await Promise.all([
      openApiAnswer(api.url, { path: '/api/v1/events' }),
      openApiAnswer(api.url, { path: '/api/v1/events', headers: { 'last-event-id': '2' } }),
      openApiAnswer(api.url, { path: '/api/v1/events?after=0' }),
    ]);
    // Their places are taken: what comes now is heard by all.
    write(note('three'));
    const heard = await Promise.all(opened.map(untilThree));
    expect(heard.map(idsOf)).toEqual([[4], [3, 4], [1, 2, 3, 4]]);
    expect(opened[0]?.headers['content-type']).toBe('text/event-stream');
    const wrong = await askApi(api.url, { path: '/api/v1/events', headers: { 'last-event-id': 'x' } });
    expect(codeOf(wrong)).toBe('TEAL-SERVER-008');
  });

  test('nothing yet is told as that, and the metrics go on', async () => {
    await using api = await served();
    for (const path of ['/api/v1/migration', '/api/v1/journal']) {
      const answer = await askApi(api.url, { path });
      expect([answer.status, codeOf(answer)]).toEqual([404, 'TEAL-JOURNAL-008']);
    }
    expect((await askApi(api.url, { path: '/api/v1/differences' })).json).toEqual({ tables: [], objects: [] });
    expect((await askApi(api.url, { path: '/api/v1/approvals' })).json).toEqual({
      approvals: [{ gate, person: 'dba' }],
    });
    expect((await askApi(api.url, { path: '/metrics' })).text).toContain('teal_proxy_up 0');
  });

  test('probable causes of differences; keys of rows and SQL are for who may operate', async () => {
    write(runStarted);
    const table = { schema: 'public', name: 'booked' };
    const side = { version: '1', address: 'h/shop', position: '0/1', snapshotAt: '2026-01-01T00:00:00.000Z' };
    const { name } = keepCertificate(
      stateDir,
      sealCertificate({
        format: 'teal-certificate',
        version: 1,
        migration: 'shop',
        flow: 'forward',
        result: 'differs',
        precision: 'full',
        startedAt: '2026-01-01T00:00:00.000Z',
        durationMs: 1,
        heldMs: 0,
        live: { side: 'blue', ...side },
        other: { side: 'green', ...side },
        tables: [{ ...table, outcome: 'differs', leftOut: [], differentTypes: [] }],
        objects: { compared: {}, differences: [] },
      }),
    );
    const told = {
      cause: 'time zone',
      what: 'different',
      says: 'green is +02:00 from blue',
      confidence: 0.917,
      count: 10,
      of: 10,
      columns: ['at'],
    } as const;
    const rows = { examples: [{ id: '4711' }], sql: { blue: 'select 4711', green: 'select 4711' } };
    const compared = {
      outcome: 'differs',
      missing: { blue: 0, green: 0 },
      different: 10,
      rows: [],
      truncated: false,
    } as const;
    const repair = {
      on: 'green',
      rows: [{ key: { id: '4711' }, what: 'different', columns: ['at'] }],
      of: 10,
      sql: 'update 4711',
    } as const;
    const found = [{ table: 'public.booked', ...compared, causes: [{ ...told, ...rows }], repair }];
    keepDifferences(stateDir, name, found);
    keepRepair(stateDir, name, found);
    expect(statSync(join(stateDir, 'differences', 'repair.json')).mode & 0o777).toBe(0o600);
    expect(statSync(join(stateDir, 'differences', `${name}.json`)).mode & 0o777).toBe(0o600);
    const [ada, bob] = [token('ada', 'view'), token('bob', 'operate')];
    await using api = await served();
    const toldTo = async (who: string): Promise<unknown> => {
      const { json } = await askApi(api.url, { path: '/api/v1/differences', token: who });
      return differencesSchema.parse(json).tables[0];
    };
    const counts = { table: 'public.booked', outcome: 'differs' };
    expect(await toldTo(ada)).toEqual({ ...counts, causes: [told] });
    expect(await toldTo(bob)).toEqual({ ...counts, causes: [{ ...told, ...rows }], repair });
  });

  test('SQL that repairs is of the newest comparison alone, and told as unreadable where it is', async () => {
    const table = { table: 'public.t', outcome: 'differs', missing: { blue: 0, green: 1 }, different: 0 } as const;
    const repair = { on: 'green', rows: [], of: 1, sql: "insert 'value'" } as const;
    keepRepair(stateDir, 'first', [{ ...table, rows: [], truncated: false, causes: [], repair }]);
    expect((await readRepair(stateDir, 'first'))?.tables).toEqual([{ table: 'public.t', repair }]);
    expect(await readRepair(stateDir, 'second')).toBeUndefined();
    const file = join(stateDir, 'differences', 'repair.json');
    writeFileSync(file, '{"format": "other"}');
    await expect(readRepair(stateDir, 'first')).rejects.toThrow(/TEAL-VERIFY-020/);
    keepRepair(stateDir, 'second', []);
    expect(await readRepair(stateDir, 'second')).toBeUndefined();
    expect(() => statSync(file)).toThrow(/ENOENT/);
  });

  test('what failed inside is in the log under its number, and the answer has neither detail nor secret', async () => {
    write(runStarted);
    await using api = await served();
    const answer = await askApi(api.url, { path: '/api/v1/plan' });
    expect(answer.status).toBe(503);
    expect(answer.headers['content-type']).toBe('application/problem+json');
    const { instance } = problemSchema.parse(answer.json);
    expect(answer.text).not.toMatch(/127\.0\.0\.1|ECONNREFUSED|PlantedSecret/);
    expect(logged.join('\n')).toContain(instance);
    expect(logged.join('\n')).not.toContain(secret);
  });
});

describe('a yes', () => {
  test('is recorded with who and by which right, once, and starts nothing', async () => {
    write(runStarted);
    const ada = token('ada', 'approve');
    await using api = await served();
    const ask = { method: 'POST', path: '/api/v1/approvals', token: ada, body: { gate, comment: 'go' } };
    const first = await askApi(api.url, ask);
    expect([first.status, first.json]).toMatchObject([
      201,
      { gate, person: 'dba', given: { by: 'ada', comment: 'go' } },
    ]);
    expect((await askApi(api.url, ask)).status).toBe(200);
    expect(recorded().slice(1)).toEqual([
      { type: 'callAccepted', by: 'ada', role: 'approve', call: `approve ${gate}` },
      { type: 'approvalGiven', by: 'ada', for: gate, comment: 'go' },
    ]);
  });

  test('is refused while a command runs, for a gate that asks nobody, and where green is live', async () => {
    write(runStarted);
    const ada = token('ada', 'approve');
    await using api = await served();
    const say = async (to: string): Promise<readonly unknown[]> => {
      const answer = await askApi(api.url, {
        method: 'POST',
        path: '/api/v1/approvals',
        token: ada,
        body: { gate: to },
      });
      return [answer.status, codeOf(answer)];
    };
    expect(await say('cutover.gates[0]')).toEqual([404, 'TEAL-SERVER-009']);
    {
      using _held = openJournal(stateDir);
      expect(await say(gate)).toEqual([409, 'TEAL-JOURNAL-003']);
    }
    const cut = { cut: 'e1a1', epoch: 1, from: 'blue', to: 'green', pauseLimitMs: 1, drainLimitMs: 1 } as const;
    write(
      { type: 'cutIntended', ...cut },
      { type: 'cutDecided', cut: 'e1a1', position: 'epoch 1' },
      { type: 'cutFinished', cut: 'e1a1', facts: { pauseMs: 5 } },
    );
    expect(await say(gate)).toEqual([409, 'TEAL-SERVER-013']);
    expect(recorded().filter(({ type }) => type === 'callAccepted')).toEqual([]);
  });
});

describe('a command', () => {
  const start = (by: string, key: string | undefined, body: unknown): ApiRequest => ({
    method: 'POST',
    path: '/api/v1/commands',
    token: by,
    body,
    ...(key === undefined ? {} : { headers: { 'idempotency-key': key } }),
  });

  test('takes its roles and its key, and a dry run starts nothing', async () => {
    write(runStarted);
    const [cut, both, operate] = [token('c', 'cut'), token('b', 'approve', 'cut'), token('o', 'operate')];
    await using api = await served();
    const ask = async (by: string, key: string | undefined, body: unknown): Promise<ApiAnswer> =>
      askApi(api.url, start(by, key, body));
    expect(codeOf(await ask(operate, 'key-00000', { command: 'rollback' }))).toBe('TEAL-SERVER-005');
    expect(codeOf(await ask(cut, 'key-00000', { command: 'cutover' }))).toBe('TEAL-SERVER-005');
    expect(codeOf(await ask(cut, 'key-00000', { command: 'verify' }))).toBe('TEAL-SERVER-005');
    expect(codeOf(await ask(both, undefined, { command: 'cutover' }))).toBe('TEAL-SERVER-008');
    expect(codeOf(await ask(both, 'key-00000', { command: 'format' }))).toBe('TEAL-SERVER-008');
    const dry = dryRunSchema.parse((await ask(both, 'key-00000', { command: 'cutover', dryRun: true })).json);
    expect(dry).toEqual({
      dryRun: true,
      command: 'cutover',
      wouldStart: true,
      live: 'blue',
      phase: 'blue',
      unasked: [gate],
    });
    const back = await ask(cut, 'key-00000', { command: 'rollback', dryRun: true });
    expect(back.json).toMatchObject({ wouldStart: false, because: 'blue is live' });
    expect(recorded()).toHaveLength(1);
  });

  test('is recorded, runs in a process of its own, and is started once for one key', async () => {
    write(runStarted);
    const operate = token('o', 'operate');
    await using api = await served();
    const asked = start(operate, 'key-00001', { command: 'verify' });
    const first = await askApi(api.url, asked);
    expect(first.status, first.text).toBe(202);
    const { id } = commandSchema.parse(first.json);
    expect(first.headers.location).toBe(`/api/v1/commands/${id}`);
    const ended = await waitFor({ what: 'the command to end', timeoutMs: 280_000, everyMs: 200 }, async () => {
      const { json } = await askApi(api.url, { path: `/api/v1/commands/${id}`, token: operate });
      const command = commandSchema.parse(json);
      return command.state === 'running' ? undefined : command;
    });
    // Nobody listens where blue should be.
    expect(ended).toMatchObject({ state: 'failed', by: 'o', error: { dataMayDiffer: 'no' } });
    expect(ended.error?.code).toMatch(/^TEAL-SYSTEMS-/);
    const again = await askApi(api.url, asked);
    expect([again.status, again.json]).toEqual([200, ended]);
    expect(codeOf(await askApi(api.url, start(operate, 'key-00001', { command: 'verify', reason: 'x' })))).toBe(
      'TEAL-SERVER-014',
    );
    expect(recorded().filter(({ type }) => type === 'callAccepted')).toEqual([
      { type: 'callAccepted', by: 'o', role: 'operate', call: `verify ${id}` },
    ]);
    const log = readFileSync(join(stateDir, 'commands', id, 'log'), 'utf8');
    expect(log).toContain('verify for o');
    expect(log).not.toContain(secret);
  }, 300_000);

  test('that is not accepted leaves its key free', async () => {
    const operate = token('o', 'operate');
    await using api = await served();
    const asked = start(operate, 'key-00002', { command: 'verify' });
    expect(codeOf(await askApi(api.url, asked))).toBe('TEAL-JOURNAL-008');
    write(runStarted);
    {
      using _held = openJournal(stateDir);
      expect(codeOf(await askApi(api.url, asked))).toBe('TEAL-JOURNAL-003');
    }
    expect((await askApi(api.url, { path: '/api/v1/commands', token: operate })).json).toEqual({ commands: [] });
  });
});

test('whatever is sent, the answer is described and no request fails inside', async () => {
  write(runStarted, note('one'));
  // May approve, and start nothing.
  const fuzzer = token('fuzzer', 'view', 'approve');
  await using api = await served();
  const document = (await askApi(api.url, { path: '/openapi.json' })).json as Document;
  const known = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, ...operation })),
  );
  // The plan asks systems, which are not there.
  const asked = known.filter(({ path }) => path !== '/api/v1/plan' && path !== '/api/v1/events');
  expect(asked.length).toBeGreaterThan(10);
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...asked).chain(requestOf), async (request) => {
      const answer = await askApi(api.url, { ...request, token: fuzzer });
      expect(answer.status, JSON.stringify(request)).toBeLessThan(500);
      if (answer.status >= 400) problemSchema.parse(answer.json);
    }),
    { numRuns: 400 },
  );
}, 300_000);

interface Operation {
  readonly path: string;
  readonly method: string;
  readonly parameters?: readonly { readonly name: string; readonly in: string }[];
  readonly requestBody?: unknown;
}
interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Omit<Operation, 'path' | 'method'>>>>>;
}

const printable = fc.string({ maxLength: 40 }).map((text) => text.replaceAll(/[^\x20-\x7e]/g, '~').trim());
const value = fc.oneof(
  printable,
  fc.integer().map(String),
  fc.constantFrom('0', '1', '100', '', 'null', '-1', '9'.repeat(15), gate, '../../journal.db', '%00'),
);
const json = fc.oneof(
  { weight: 3, arbitrary: fc.jsonValue({ maxDepth: 3 }) },
  {
    weight: 3,
    arbitrary: fc.record(
      {
        gate: value,
        comment: fc.jsonValue({ maxDepth: 1 }),
        command: fc.constantFrom('up', 'verify', 1),
        dryRun: value,
      },
      { requiredKeys: [] },
    ),
  },
);

/** A request that is like a described one, more or less. */
function requestOf({ path, method, parameters = [], requestBody }: Operation): fc.Arbitrary<ApiRequest> {
  const [queries, headers, places] = ['query', 'header', 'path'].map((where) =>
    parameters.filter((each) => each.in === where).map(({ name }) => name),
  );
  const some = (names: readonly string[] = []): fc.Arbitrary<Record<string, string>> =>
    fc.dictionary(names.length === 0 ? fc.constant('x') : fc.constantFrom(...names, 'x'), value, { maxKeys: 3 });
  return fc
    .record({
      query: some(queries),
      headers: some(headers),
      places: fc.array(value, { minLength: places?.length ?? 0, maxLength: places?.length ?? 0 }),
      body:
        requestBody === undefined ? fc.constant(undefined) : fc.oneof(json, printable, fc.constant('x'.repeat(20_000))),
      type: fc.constantFrom('application/json', 'application/json; charset=x', 'text/plain', 'multipart/form-data'),
    })
    .map(({ query, headers: said, places: values, body, type }) => {
      let at = 0;
      const filled = path.replaceAll(/\{\w+\}/g, () => encodeURIComponent(values[at++] ?? ''));
      const search = new URLSearchParams(query).toString();
      return {
        method: method.toUpperCase(),
        path: search === '' ? filled : `${filled}?${search}`,
        headers: { ...said, ...(body === undefined ? {} : { 'content-type': type }) },
        ...(body === undefined ? {} : { body }),
      };
    });
}

const idsOf = (text: string): readonly number[] => Array.from(text.matchAll(/^id: (\d+)$/gm), ([, id]) => Number(id));

async function untilThree(answer: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of answer.setEncoding('utf8') as AsyncIterable<string>) {
    text += chunk;
    if (text.includes('"text":"three"')) break;
  }
  return text;
}
