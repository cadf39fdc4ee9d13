import { spawnSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { connect, createServer, type AddressInfo, type Server } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openDatabase } from '../../src/journal/sqlite.ts';
import { journalPath, openJournal } from '../../src/journal/journal.ts';
import { pgTools } from '../../tools/servers/pg-tools.ts';
import type { PostgresServer } from '../../tools/servers/postgres.ts';
import { ownServer, testDatabase, type TestDatabase } from '../support/postgres.ts';
import { queryUrl, runNode, type Ran } from '../support/teal-place.ts';
import { tealMain } from '../support/program.ts';

/** What is wrong is told with a code, an exit code and what to do; and nothing is changed on either side. Both sides of most cases are healthy but for the one thing. */
describe('bad input', () => {
  let blue: TestDatabase;
  let green: TestDatabase;
  /** With a password, without logical decoding, slots or senders; and a replica at the end. */
  let odd: PostgresServer;
  let binDir: string;
  const kept = new AsyncDisposableStack();

  beforeAll(async () => {
    const settings = { wal_level: 'replica', max_replication_slots: '1', max_wal_senders: '1' };
    const options = { settings, superuserPassword: 'right-s3cret', auth: 'scram-sha-256' } as const;
    const starting = ownServer(14, options);
    blue = kept.use(await testDatabase(14));
    green = kept.use(await testDatabase(18));
    odd = kept.use(await starting);
    const create = `create table customer (id int primary key); insert into customer values (1)`;
    await Promise.all([blue.query(create), queryUrl(odd.url, create)]);
    await queryUrl(odd.url, `select pg_create_physical_replication_slot('standby')`);
    ({ binDir } = await pgTools(14, 18));
  });
  afterAll(async () => kept.disposeAsync());

  const healthy = (): Sides => ({ blue: blue.url, green: green.url });

  async function teal(folder: string, sides: Sides, ...args: readonly string[]): Promise<Ran> {
    const env = { PATH: process.env['PATH'] ?? '', HOME: folder, NO_COLOR: '1', TEAL_PG_BIN: binDir };
    const urls = { BLUE_URL: sides.blue, GREEN_URL: sides.green };
    return runNode(folder, { ...env, ...urls }, tealMain, ...args);
  }

  /** `teal up`, which would change both sides: its answer, after a look that nothing was changed and no secret told. */
  async function refusal(sides: Sides, folder?: string): Promise<Refusal> {
    await using here = await place(folder);
    const looks = [blue, green].map(async (database) => database.query(traces));
    const before = await Promise.all(looks);
    const ran = await teal(here.folder, sides, 'up', '--json');
    expect(ran.out + ran.err).not.toContain('s3cret');
    expect(await Promise.all([blue, green].map(async (database) => database.query(traces)))).toEqual(before);
    const { error } = JSON.parse(ran.out) as { readonly error: Omit<Refusal, 'exit'> };
    expect(error.doThis.length).toBeGreaterThan(20);
    return { exit: ran.code, ...error };
  }

  async function blockers(sides: Sides): Promise<readonly string[]> {
    const refused = await refusal(sides);
    expect(refused).toMatchObject({ exit: 3, code: 'TEAL-APP-001' });
    return [...new Set((refused.facts.findings ?? []).map((text) => text.split(':')[0] ?? ''))].sort();
  }

  test('a server that cannot be reached', async () => {
    const nobody = 'postgres://u:s3cret@127.0.0.1:1/x';
    expect(await refusal({ ...healthy(), blue: nobody })).toMatchObject({ exit: 1, code: 'TEAL-SYSTEMS-001' });
    expect(await refusal({ ...healthy(), green: nobody })).toMatchObject({ exit: 1, code: 'TEAL-SYSTEMS-001' });
  });

  test('a wrong password, and a database that is not there', async () => {
    const wrong = odd.url.replace('right', 'wrong');
    expect(await refusal({ ...healthy(), blue: wrong })).toMatchObject({ exit: 1, code: 'TEAL-SYSTEMS-002' });
    const other = `${blue.url}_not_there`;
    expect(await refusal({ ...healthy(), blue: other })).toMatchObject({ exit: 1, code: 'TEAL-SYSTEMS-003' });
  });

  test('a server that is not PostgreSQL', async () => {
    await using web = await listen(createHttpServer((_, answer) => answer.end('hello')));
    // Says something first and then waits for ever: its first byte is enough.
    await using mail = await listen(
      createServer((socket) =>
        socket
          .on('error', () => socket.destroy())
          .resume()
          .write('220 hi\r\n'),
      ),
    );
    for (const { port } of [web, mail]) {
      const url = `postgres://u:s3cret@127.0.0.1:${port}/x`;
      expect(await refusal({ ...healthy(), green: url })).toMatchObject({ exit: 1, code: 'TEAL-SYSTEMS-302' });
    }
  });

  test('a role without rights: every grant that it lacks', async () => {
    const role = `${blue.name}_weak`;
    await Promise.all([blue, green].map(async (side) => side.query(`create role ${role} login`)));
    const as = (url: string): string => Object.assign(new URL(url), { username: role }).href;
    try {
      const found = await blockers({ blue: as(blue.url), green: as(green.url) });
      expect(found).toEqual(expect.arrayContaining(['ASSESS-RIGHT-REPLICATION', 'ASSESS-RIGHT-SELECT']));
      expect(found).toEqual(expect.arrayContaining(['ASSESS-RIGHT-APPLY', 'ASSESS-RIGHT-CREATE']));
    } finally {
      await Promise.all([blue, green].map(async (side) => side.query(`drop role ${role}`)));
    }
  });

  test('no logical log, no free slot, no free sender', async () => {
    expect(await blockers({ ...healthy(), blue: odd.url })).toEqual([
      'ASSESS-SENDERS',
      'ASSESS-SLOTS',
      'ASSESS-WAL-LEVEL',
    ]);
  });

  test('green is not empty, or is blue itself, or is older', async () => {
    await using full = await testDatabase(18);
    await full.query('create table theirs (a int)');
    expect(await blockers({ ...healthy(), green: full.url })).toEqual(['ASSESS-GREEN-NOT-EMPTY']);
    expect(await blockers({ blue: blue.url, green: `${blue.url}?application_name=x` })).toContain(
      'ASSESS-SAME-DATABASE',
    );
    await using older = await testDatabase(14);
    expect(await blockers({ blue: full.url, green: older.url })).toEqual(['ASSESS-GREEN-OLDER']);
    expect(await full.query('select count(*) as n from theirs')).toEqual([{ n: '0' }]);
  });

  test('a major that Teal does not know', async () => {
    await using old = await listen(olderBy(Number(new URL(blue.url).port)));
    const url = Object.assign(new URL(blue.url), { port: String(old.port) }).href;
    expect(await blockers({ ...healthy(), blue: url })).toContain('ASSESS-VERSION');
  });

  test('an extension that green does not have, and a type that no client can write', async () => {
    await using other = await testDatabase(14);
    // In contrib up to 16 only.
    await other.query('create extension adminpack; create table tree as select adbin from pg_attrdef');
    expect(await blockers({ ...healthy(), blue: other.url })).toEqual([
      'ASSESS-EXTENSION-MISSING',
      'ASSESS-TYPE-UNREADABLE',
    ]);
  });

  test('a table without a key is no obstacle, and told', async () => {
    await using other = await testDatabase(14);
    await other.query('create table keyless (line text)');
    await using here = await place();
    const assessed = await teal(here.folder, { ...healthy(), blue: other.url }, 'assess', '--json');
    expect(assessed.code).toBe(0);
    expect(assessed.out).toContain('ASSESS-NO-KEY');
    expect(await other.query(`select relreplident from pg_class where relname = 'keyless'`)).toEqual([
      { relreplident: 'd' },
    ]);
  });

  test('a second controller, and a journal of a newer Teal', async () => {
    await using here = await place();
    const state = join(here.folder, '.teal', 'shop');
    await mkdir(state, { recursive: true });
    {
      using _first = openJournal(state);
      const second = await refusal(healthy(), here.folder);
      expect(second).toMatchObject({ exit: 1, code: 'TEAL-JOURNAL-003' });
      expect(second.message).toContain(String(process.pid));
    }
    const database = openDatabase(journalPath(state));
    database.exec('PRAGMA user_version = 99');
    database.close();
    expect(await refusal(healthy(), here.folder)).toMatchObject({ exit: 1, code: 'TEAL-JOURNAL-002' });
    const status = await teal(here.folder, healthy(), 'status', '--json');
    expect(status.code).toBe(1);
    expect(status.out).toContain('TEAL-JOURNAL-002');
  });

  test('a full disk, and room again', async ({ skip }) => {
    await using here = await place();
    const state = join(here.folder, '.teal');
    await mkdir(state);
    if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=16k', 'tmpfs', state]).status !== 0) {
      process.stderr.write('SKIPPED: a full disk, for no file system may be mounted here\n');
      skip();
    }
    try {
      const full = await refusal(healthy(), here.folder);
      expect(full).toMatchObject({ exit: 1, code: expect.stringMatching(/^TEAL-JOURNAL-00[57]$/) });
      expect(spawnSync('mount', ['-o', 'remount,size=64m', state]).status).toBe(0);
      const next = await refusal({ ...healthy(), green: 'postgres://u@127.0.0.1:1/x' }, here.folder);
      expect(next.code).toBe('TEAL-SYSTEMS-001');
    } finally {
      spawnSync('umount', [state]);
    }
  });

  // The last: the server is a replica from here on.
  test('blue is a replica', async () => {
    await odd.stop();
    const signal = join(odd.dataDir, 'standby.signal');
    await writeFile(signal, '');
    await chmod(signal, 0o666);
    await odd.restart();
    expect(await blockers({ ...healthy(), blue: odd.url })).toContain('ASSESS-REPLICA');
  });
});

interface Sides {
  readonly blue: string;
  readonly green: string;
}

interface Refusal {
  readonly exit: number;
  readonly code: string;
  readonly message: string;
  readonly doThis: string;
  readonly facts: { readonly findings?: readonly string[] };
}

/** What a run could have left on a side. */
const traces = `
  select nspname as what from pg_namespace where nspname !~ '^pg_(toast|temp)'
  union all select pubname from pg_publication
  union all select relname from pg_class where relnamespace = 'public'::regnamespace
  union all select slot_name from pg_replication_slots where database = current_database()
  union all select evtname from pg_event_trigger order by 1`;

async function place(at?: string): Promise<AsyncDisposable & { readonly folder: string }> {
  const folder = at ?? (await mkdtemp(join(tmpdir(), 'teal-bad-')));
  if (at === undefined) {
    const lines = ['teal: 1', 'name: shop', 'blue: { url: "${BLUE_URL}" }', 'green: { url: "${GREEN_URL}" }'];
    await writeFile(join(folder, 'teal.yaml'), `${lines.join('\n')}\ntraffic: { router: none }\n`);
  }
  return {
    folder,
    [Symbol.asyncDispose]: async () => (at === undefined ? rm(folder, { recursive: true, force: true }) : undefined),
  };
}

async function listen(server: Server): Promise<AsyncDisposable & { readonly port: number }> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    port,
    [Symbol.asyncDispose]: async () => {
      server.close();
      await once(server, 'close');
    },
  };
}

/** A PostgreSQL 14 that says it is 13: the digits of its version are exchanged on the way, in as many bytes. */
function olderBy(port: number): Server {
  return createServer((client) => {
    const server = connect({ host: '127.0.0.1', port });
    client.on('error', () => server.destroy()).on('close', () => server.destroy());
    server.on('error', () => client.destroy()).on('close', () => client.destroy());
    client.pipe(server);
    server.on('data', (bytes) =>
      client.write(Buffer.from(bytes.toString('latin1').replaceAll(/\b14(?=\.\d|00\d\d)/g, '13'), 'latin1')),
    );
  });
}
