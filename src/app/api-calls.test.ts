import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { waitFor } from '../kernel/clock.ts';
import type { EventOf, JournalEvent } from '../journal/events.ts';
import { openJournal, openJournalReader } from '../journal/journal.ts';
import { noting } from '../journal/lock.ts';
import { runStarted } from '../journal/test-support/events.ts';
import { problemSchema } from '../server/problems.ts';
import { NotesOfCalls } from './call-notes.ts';
import { loadSpec, type LoadedSpec } from './load-spec.ts';
import { openJournalInTurn } from './opening.ts';
import { newToken, serveApi, type ServedApi } from './serve-api.ts';
import { askApi, type ApiAnswer, type ApiRequest } from './test-support/ask-api.ts';

const env = {
  PATH: process.env['PATH'] ?? '',
  BLUE_URL: 'postgres://teal@127.0.0.1:1/shop',
  GREEN_URL: 'postgres://teal@127.0.0.1:2/shop',
};
const spec = `teal: 1
name: shop
blue: { url: "\${BLUE_URL}" }
green: { url: "\${GREEN_URL}" }
cutover: { gates: [{ lag: 1s }, { person: dba }] }
`;
const gate = 'cutover.gates[1]';

let folder = '';
let loaded: LoadedSpec;
let logged: { event: string; facts: Readonly<Record<string, unknown>> }[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'teal-calls-'));
  const file = join(folder, 'teal.yaml');
  writeFileSync(file, spec);
  loaded = loadSpec(file, env);
  mkdirSync(loaded.stateDir, { recursive: true });
  logged = [];
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const log = (event: string, facts: Readonly<Record<string, unknown>>): unknown => logged.push({ event, facts });
const served = async (): Promise<ServedApi> =>
  serveApi({ file: loaded.file, env, listen: '127.0.0.1:0', names: [], log });
const token = (name: string, ...roles: readonly string[]): string => newToken(loaded, name, roles);
const codeOf = (answer: ApiAnswer): string => problemSchema.parse(answer.json).code;

function write(...events: readonly JournalEvent[]): void {
  using journal = openJournal(loaded.stateDir);
  journal.append(...events);
}

/** What the journal has of calls, without the moments. */
function noted(): readonly Partial<EventOf<'callAnswered'>>[] {
  using reader = openJournalReader(loaded.stateDir);
  reader.refresh();
  return reader.records().flatMap(({ event }) => {
    if (event.type !== 'callAnswered') return [];
    const { type: _, atIso: __, ...said } = event;
    return [said];
  });
}

async function untilNoted(count: number): Promise<ReturnType<typeof noted>> {
  return waitFor({ what: 'calls to be in the journal', timeoutMs: 60_000, everyMs: 100 }, () => {
    const found = noted();
    return found.length >= count ? found : undefined;
  });
}

const approving = (by: string, to: string): ApiRequest => ({
  method: 'POST',
  path: '/api/v1/approvals',
  token: by,
  body: { gate: to },
});
const commanding = (by: string, body: unknown): ApiRequest => ({
  method: 'POST',
  path: '/api/v1/commands',
  token: by,
  headers: { 'idempotency-key': 'some-key-1' },
  body,
});

describe('every call of a known caller is told', () => {
  test('what was refused is in the journal, once however often it came; reading and mistakes are in the log alone', async () => {
    write(runStarted);
    const ada = token('ada', 'view');
    await using api = await served();
    for (let n = 0; n < 3; n += 1) expect(codeOf(await askApi(api.url, approving(ada, gate)))).toBe('TEAL-SERVER-005');
    await askApi(api.url, approving(ada, 'a name that she made up'));
    await askApi(api.url, commanding(ada, { command: 'cutover' }));
    await askApi(api.url, commanding(ada, { command: 'rollback', dryRun: true }));
    await askApi(api.url, commanding(ada, { command: 'format the disk' }));
    await askApi(api.url, { path: '/api/v1/certificates/2026-01-01T00-00-00.000Z-forward', token: ada });
    await askApi(api.url, { path: '/api/v1/migration', token: 'teal_nobody' });
    const refused = { by: 'ada', answer: 'TEAL-SERVER-005' };
    const times = (found: ReturnType<typeof noted>): number => found.reduce((sum, each) => sum + (each.times ?? 0), 0);
    const found = await untilNoted(4);
    expect(times(found)).toBeLessThanOrEqual(6);
    expect(found.map(({ times: _times, ...said }) => said)).toEqual([
      { ...refused, role: 'approve', call: `approve ${gate}` },
      { ...refused, role: 'approve', call: 'approve' },
      { ...refused, role: 'approve,cut', call: 'cutover' },
      { ...refused, role: 'cut', call: 'dry run of rollback' },
    ]);
    const asked = logged.filter(({ event }) => event === 'asked').map(({ facts }) => facts);
    expect(asked).toHaveLength(8);
    expect(asked.at(-1)).toEqual({
      by: 'ada',
      method: 'GET',
      path: '/api/v1/certificates/{name}',
      status: 404,
      code: 'TEAL-SERVER-009',
    });
    expect(JSON.stringify(logged)).not.toContain('made up');
  });

  test('while a command has the journal they wait on the disk, also for the next process', async () => {
    write(runStarted);
    const [ada, bob] = [token('ada', 'approve'), token('bob', 'view')];
    const waiting = join(loaded.stateDir, 'calls-waiting.json');
    {
      using _command = openJournal(loaded.stateDir);
      await using api = await served();
      expect(codeOf(await askApi(api.url, approving(ada, gate)))).toBe('TEAL-JOURNAL-003');
      expect(codeOf(await askApi(api.url, approving(bob, gate)))).toBe('TEAL-SERVER-005');
    }
    expect(JSON.parse(readFileSync(waiting, 'utf8'))).toHaveLength(2);
    expect(noted()).toEqual([]);
    await using _api = await served();
    expect(await untilNoted(2)).toEqual([
      { by: 'ada', role: 'approve', call: `approve ${gate}`, answer: 'TEAL-JOURNAL-003', times: 1 },
      { by: 'bob', role: 'approve', call: `approve ${gate}`, answer: 'TEAL-SERVER-005', times: 1 },
    ]);
    await waitFor({ what: 'the file to go', timeoutMs: 60_000 }, () => {
      try {
        readFileSync(waiting);
        return undefined;
      } catch {
        return true;
      }
    });
  });

  test('none is written while a cut is open, and a file that is none keeps nobody out', async () => {
    const cut = { cut: 'e1a1', epoch: 1, from: 'blue', to: 'green', pauseLimitMs: 1, drainLimitMs: 1 } as const;
    write(runStarted, { type: 'cutIntended', ...cut });
    writeFileSync(join(loaded.stateDir, 'calls-waiting.json'), '{"type": "call');
    const ada = token('ada', 'view');
    {
      await using api = await served();
      expect(logged[0]?.event).toBe('calls that waited cannot be read');
      await askApi(api.url, approving(ada, gate));
    }
    expect(noted()).toEqual([]);
    write({ type: 'cutAborted', cut: 'e1a1', reason: 'x', code: 'TEAL-STAGES-100' });
    await using _api = await served();
    expect(await untilNoted(1)).toMatchObject([{ by: 'ada', times: 1 }]);
  });

  test('a flood of one caller is few records, and of many different calls one more', async () => {
    write(runStarted);
    using reader = openJournalReader(loaded.stateDir);
    const calls = new NotesOfCalls({ loaded, state: () => reader.refresh(), log });
    for (let n = 0; n < 1_000; n += 1) calls.note({ by: 'ada', call: 'up', role: 'cut', answer: 'TEAL-SERVER-005' });
    for (let n = 0; n < 1_000; n += 1) calls.note({ by: `p${n}`, call: 'up', role: 'cut', answer: 'TEAL-SERVER-005' });
    await calls.keep(AbortSignal.abort());
    const found = noted();
    expect(found).toHaveLength(201);
    expect(found[0]).toMatchObject({ by: 'ada', times: 1_000 });
    expect(found.at(-1)).toMatchObject({ by: 'several callers', times: 801 });
  });

  test('a command that comes while the API writes waits for it', async () => {
    write(runStarted);
    const api = openJournal(loaded.stateDir, noting);
    const command = openJournalInTurn({ loaded, command: 'up', signal: new AbortController().signal });
    await expect(openJournalInTurn({ loaded, command: 'up', signal: AbortSignal.timeout(400) })).rejects.toThrow();
    api[Symbol.dispose]();
    (await command)[Symbol.dispose]();
  });
});

describe('a request of another kind than the path takes', () => {
  test('of another method: the answer names those that it has', async () => {
    const ada = token('ada', 'view');
    await using api = await served();
    const allowed = async (method: string, path: string): Promise<readonly unknown[]> => {
      const answer = await askApi(api.url, { method, path, token: ada });
      return [answer.status, answer.headers['allow']];
    };
    expect(await allowed('DELETE', '/api/v1/migration')).toEqual([405, 'GET, HEAD']);
    expect(await allowed('PUT', '/api/v1/commands')).toEqual([405, 'GET, HEAD, POST']);
    expect(await allowed('GET', `/api/v1/commands/${'0'.repeat(32)}/stop`)).toEqual([405, 'POST']);
    expect(await allowed('PATCH', '/openapi.json')).toEqual([405, 'GET, HEAD']);
    expect(await allowed('DELETE', '/api/v1/nothing')).toEqual([404, undefined]);
    expect(codeOf(await askApi(api.url, { method: 'PUT', path: '/metrics', token: ada }))).toBe('TEAL-SERVER-050');
  });

  test('of another kind of body: it is not read', async () => {
    write(runStarted);
    const ada = token('ada', 'approve');
    await using api = await served();
    for (const type of [
      'text/plain',
      'multipart/form-data',
      'application/jsonp',
      'application/x-www-form-urlencoded',
    ]) {
      const answer = await askApi(api.url, { ...approving(ada, gate), headers: { 'content-type': type } });
      expect([answer.status, codeOf(answer)], type).toEqual([415, 'TEAL-SERVER-051']);
    }
    const json = { 'content-type': 'Application/JSON; charset=utf-8' };
    expect((await askApi(api.url, { ...approving(ada, gate), headers: json })).status).toBe(201);
  });

  test('a body in pieces is read as far as the limit, and one of no path is not read', async () => {
    write(runStarted);
    const ada = token('ada', 'approve');
    await using api = await served();
    const headers = { 'transfer-encoding': 'chunked' };
    expect((await askApi(api.url, { ...approving(ada, gate), headers })).status).toBe(201);
    const long = await askApi(api.url, { ...approving(ada, gate.padEnd(20_000)), headers });
    expect([long.status, codeOf(long)]).toEqual([413, 'TEAL-SERVER-011']);
    const lost = await askApi(api.url, { method: 'PUT', path: '/api/v1/none', token: ada, body: {}, headers });
    expect([lost.status, codeOf(lost)]).toEqual([404, 'TEAL-SERVER-009']);
  });

  test.each<readonly [string, string]>([
    ['a path that cannot be read', 'GET /api/v1/commands/%ZZ HTTP/1.1'],
    ['a zero byte in a path', 'GET /api/v1/certificates/%00 HTTP/1.1'],
    ['a path of many kilobytes', `GET /api/v1/commands/${'a'.repeat(9_000)} HTTP/1.1`],
    ['a path that goes up', 'GET /api/v1/certificates/..%2f..%2fapi-tokens HTTP/1.1'],
    ['two slashes', 'GET //api/v1/migration HTTP/1.1'],
    ['another place than its Host', 'GET http://elsewhere.example/api/v1/migration HTTP/1.1'],
    ['no path', 'OPTIONS * HTTP/1.1'],
    ['a whole address that is none', 'GET http:// HTTP/1.1'],
    ['a path with what no path has', 'GET /api\\v1 HTTP/1.1'],
    ['a method that nobody has', 'PROPFIND /api/v1/migration HTTP/1.1'],
    ['a query that cannot be read', 'GET /api/v1/journal?after=%FF&%ZZ=&limit HTTP/1.1'],
    ['letters that are not ASCII in a header', 'GET /api/v1/events HTTP/1.1\r\nlast-event-id: \u00e9'],
    ['a header of many kilobytes', `GET /api/v1/events HTTP/1.1\r\nlast-event-id: ${'9'.repeat(9_000)}`],
    ['an old HTTP', 'GET /api/v1/journal?after=x HTTP/1.0'],
    ['a body to be unpacked', posted('{}', 'content-encoding: gzip')],
    ['a body that is not UTF-8', posted('{"gate": "\u00ff\u00fe"}')],
    ['a body in UTF-16', posted(Buffer.from('{"gate": "x"}', 'utf16le').toString('latin1'))],
    ['a body with a mark before it', posted('\u00ef\u00bb\u00bf{"gate": "x"}')],
    ['a body of many layers', posted(`${'['.repeat(8_000)}${']'.repeat(8_000)}`)],
    ['a body that is to change what objects are', posted('{"__proto__": {"gate": "x"}, "constructor": 1}')],
    ['a number beyond all', posted('{"gate": 1e999}')],
    ['nothing where JSON is to be', posted('')],
  ])('%s is refused as such', async (_, said) => {
    write(runStarted);
    const ada = token('ada', 'approve');
    await using api = await served();
    const answer = await raw(api.url, ada, said);
    const [, status = ''] = /^HTTP\/1\.1 (\d{3}) /.exec(answer) ?? [];
    expect(Number(status), answer).toBeGreaterThanOrEqual(400);
    expect(Number(status), answer).toBeLessThan(500);
    expect(answer).toMatch(/^x-content-type-options: nosniff\r$/im);
    expect(problemSchema.parse(JSON.parse(answer.slice(answer.indexOf('\r\n\r\n')))).status).toBe(Number(status));
  });
});

function posted(body: string, header = 'accept: */*'): string {
  return `POST /api/v1/approvals HTTP/1.1\r\n${header}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
}

/** What is answered to these very bytes; the first line, and headers and body where there are some, a character a byte. */
async function raw(url: string, by: string, said: string): Promise<string> {
  const { port, host } = new URL(url);
  const socket = connect(Number(port), '127.0.0.1');
  const [line = '', ...rest] = said.split('\r\n');
  const known = `host: ${host}\r\nauthorization: Bearer ${by}\r\nconnection: close`;
  const ends = said.includes('\r\n\r\n') ? '' : '\r\n\r\n';
  socket.end(Buffer.from(`${[line, known, ...rest].join('\r\n')}${ends}`, 'latin1'));
  return text(socket.setEncoding('latin1'));
}
