import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { waitFor } from '../kernel/clock.ts';
import { JOURNAL_FORMAT } from '../journal/database.ts';
import type { JournalEvent } from '../journal/events.ts';
import { isWritten, journalIdentity, openJournal, openJournalReader } from '../journal/journal.ts';
import type { PostgresPlace } from '../journal/place.ts';
import { proveChain } from '../journal/prove-chain.ts';
import { runStarted } from '../journal/test-support/events.ts';
import {
  blueMajor,
  greenMajor,
  onDatabase,
  ownServer,
  testDatabase,
  type TestDatabase,
} from '../../test/support/postgres.ts';
import { runNode } from '../../test/support/teal-place.ts';
import { freePort } from '../../tools/servers/free-port.ts';
import { journalPlace, postgresPlace } from './journal-place.ts';
import { tealMain } from '../../test/support/program.ts';

const writerProgram = fileURLToPath(new URL('test-support/journal-writer.ts', import.meta.url));
const note = (text: string): JournalEvent => ({ type: 'note', text });
const patience = { timeoutMs: 30_000 };

let database: TestDatabase;
let folder = '';
let place: PostgresPlace;
let children: ChildProcess[] = [];
let count = 0;
beforeAll(async () => {
  database = await testDatabase(greenMajor());
});
afterAll(async () => database[Symbol.asyncDispose]());
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'teal-pg-journal-'));
  place = placeIn(database.url);
  children = [];
});
afterEach(() => {
  for (const child of children) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

/** Each test has a schema of its own. */
function placeIn(url: string): PostgresPlace {
  return postgresPlace(`${url}?schema=j${(count += 1)}`, 'shop', folder);
}

function urlOf(url: string, { schema }: PostgresPlace): string {
  return `${url}?schema=${schema}`;
}

interface Writer {
  readonly child: ChildProcess;
  /** What it has noted. */
  readonly lines: () => readonly string[];
  readonly ended: Promise<unknown>;
}

async function startWriter(url: string, atLeast: number): Promise<Writer> {
  const child = spawn(process.execPath, [writerProgram, folder], {
    env: { ...process.env, TEAL_JOURNAL: url },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  children.push(child);
  const written = join(folder, 'written');
  const lines = (): readonly string[] =>
    readFileSync(written, { encoding: 'utf8', flag: 'a+' }).split('\n').slice(0, -1);
  const ended = once(child, 'close');
  await waitFor({ what: 'records', ...patience }, () => Number(lines().at(-1) ?? 0) >= atLeast || undefined);
  return { child, lines, ended };
}

async function leaderPid(): Promise<string> {
  const [row] = await database.query(`select backend from ${place.schema}.leader`);
  return row?.['backend'] ?? '';
}

async function endLeadersSession(): Promise<void> {
  const pid = await leaderPid();
  await database.query('select pg_terminate_backend($1)', [pid]);
  await waitFor({ what: 'the session to end', ...patience }, async () => {
    const rows = await database.query('select from pg_stat_activity where pid = $1', [pid]);
    return rows.length === 0 || undefined;
  });
}

describe('a journal in PostgreSQL', () => {
  test('is there again after closing, with its state, apart from that of another migration', () => {
    {
      using journal = openJournal(place);
      journal.append(runStarted, note('äöü → \\u0000 "x"'));
      journal.appendUnsynced(note('soon'));
      using other = openJournal({ ...place, migration: 'another' });
      other.append(runStarted);
      expect([journal.state.seq, other.state.seq]).toEqual([3, 1]);
    }
    using journal = openJournal(place);
    expect(journal.state).toMatchObject({ seq: 3, migration: 'shop', life: { phase: 'blue' } });
    expect(journal.records(1).map(({ event }) => event)).toMatchObject([
      { text: 'äöü → \\u0000 "x"' },
      { text: 'soon' },
    ]);
    expect(journal.append(note('four'))[0]?.seq).toBe(4);
  });

  test('is read beside its writer, and proved', () => {
    expect(() => openJournalReader(place)).toThrow('TEAL-JOURNAL-008');
    expect(() => proveChain(place)).toThrow('TEAL-JOURNAL-008');
    using journal = openJournal(place);
    using reader = openJournalReader(place);
    journal.append(runStarted);
    expect(reader.refresh().seq).toBe(1);
    const identity = journalIdentity(place);
    const [last] = journal.append(note('two'));
    expect(reader.refresh().seq).toBe(2);
    expect(reader.records(1, 1)).toMatchObject([{ seq: 2 }]);
    expect(reader.holder).toMatchObject({ pid: process.pid, host: hostname() });
    expect(proveChain(place, last?.hash)).toMatchObject({ unbroken: true, head: { seq: 2 }, kept: { seq: 2 } });
    expect(journalIdentity(place)).toBe(identity);
  });

  test('takes no record but the next one, and a change of one is found', async () => {
    {
      using journal = openJournal(place);
      journal.append(runStarted, note('two'), note('three'));
    }
    const at = place.schema;
    await expect(database.query(`update ${at}.record set body = '{}'`)).rejects.toThrow('never changed');
    await expect(database.query(`delete from ${at}.record`)).rejects.toThrow('never changed');
    await expect(database.query(`truncate ${at}.record`)).rejects.toThrow('never changed');
    await expect(
      database.query(
        `insert into ${at}.record select migration, 9, at, type, version, body, hash from ${at}.record limit 1`,
      ),
    ).rejects.toThrow('one after the other');
    await database.query(
      `alter table ${at}.record disable trigger all; update ${at}.record set body = '{"text":"2"}' where seq = 2`,
    );
    expect(proveChain(place)).toMatchObject({ unbroken: false, firstBad: 2, whole: { seq: 1 } });
    expect(() => openJournal(place)).toThrow('TEAL-JOURNAL-001');
    // Its place was given back.
    expect(isWritten(place)).toBe(false);
  });

  test('of a newer format is refused', async () => {
    openJournal(place)[Symbol.dispose]();
    await database.query(`update ${place.schema}.format set format = ${JOURNAL_FORMAT + 1}`);
    expect(() => openJournal(place)).toThrow('TEAL-JOURNAL-002');
    expect(() => openJournalReader(place)).toThrow('TEAL-JOURNAL-002');
  });
});

describe('one leader', () => {
  test('keeps another out, who is told who it is; its place is free when it is given back', () => {
    const first = openJournal(place, 'recovery');
    expect(isWritten(place)).toBe(true);
    expect(() => openJournal(place)).toThrow(`TEAL-JOURNAL-003: process ${process.pid} on ${hostname()} leads shop`);
    first[Symbol.dispose]();
    expect(isWritten(place)).toBe(false);
    using again = openJournal(place);
    expect(again.state.seq).toBe(0);
  });

  test('that is killed has lost nothing that it acknowledged, and the next one leads within seconds', async () => {
    const writer = await startWriter(urlOf(database.url, place), 20);
    expect(() => openJournal(place)).toThrow(`process ${writer.child.pid} on`);
    writer.child.kill('SIGKILL');
    await writer.ended;
    const startedMs = performance.now();
    using journal = openJournal(place);
    expect(performance.now() - startedMs).toBeLessThan(3_000);
    expect(journal.state.seq).toBeGreaterThanOrEqual(Number(writer.lines().at(-1)));
    expect(journal.append(note('next'))).toHaveLength(1);
  });

  test('that loses its session while nobody else comes leads on', async () => {
    using journal = openJournal(place);
    journal.append(runStarted);
    const before = await leaderPid();
    await endLeadersSession();
    await waitFor({ what: 'another session', ...patience }, async () => (await leaderPid()) !== before || undefined);
    expect(journal.lost.aborted).toBe(false);
    journal.append(note('two'));
    // Without a moment in which it could have heard of it.
    await endLeadersSession();
    expect(journal.append(note('three'))[0]?.seq).toBe(3);
    expect(() => openJournal(place)).toThrow('TEAL-JOURNAL-003');
  });

  test('that was paused while another took over writes nothing any more when it wakes up', async () => {
    const writer = await startWriter(urlOf(database.url, place), 20);
    writer.child.kill('SIGSTOP');
    expect(() => openJournal(place)).toThrow('TEAL-JOURNAL-003');
    await endLeadersSession();
    using journal = openJournal(place);
    const { seq } = journal.state;
    journal.append(note('of the next'));
    writer.child.kill('SIGCONT');
    await writer.ended;
    expect(writer.lines().at(-1)).toBe('TEAL-JOURNAL-020');
    expect(Number(writer.lines().at(-2))).toBeLessThanOrEqual(seq);
    using reader = openJournalReader(place);
    expect(reader.refresh().seq).toBe(seq + 1);
  });

  test('whose epoch was taken is refused by the table itself, on a session that lives', async () => {
    using journal = openJournal(place);
    journal.append(runStarted);
    await database.query(`update ${place.schema}.leader set epoch = epoch + 1, pid = 7, host = 'elsewhere'`);
    expect(() => journal.append(note('two'))).toThrow('TEAL-JOURNAL-020: process 7 on elsewhere leads');
    expect(journal.lost.reason).toMatchObject({ code: 'TEAL-JOURNAL-020' });
    expect(await database.query(`select from ${place.schema}.record`)).toHaveLength(1);
  });
});

describe('a server that goes in the middle of a record', () => {
  test('has written it once, whether or not its answer came through', async () => {
    const wire = await cuttingWire(database.url);
    try {
      const writer = await startWriter(urlOf(wire.url, place), 20);
      for (let cuts = 1; cuts <= 5; cuts += 1) {
        const reached = Number(writer.lines().at(-1));
        wire.cut();
        await waitFor(
          { what: 'more records', ...patience },
          () => (wire.cuts() >= cuts && Number(writer.lines().at(-1)) > reached + 5) || undefined,
        );
      }
      writer.child.kill('SIGKILL');
      await writer.ended;
      const written = writer.lines().map(Number);
      // Each number once: none was written twice, none left out.
      expect(written).toEqual(written.map((_, index) => index + 2));
      using journal = openJournal(place);
      expect(
        journal
          .records()
          .map(({ event }) => (event.type === 'note' ? event.text.split(' ')[1] : ''))
          .slice(1),
      ).toEqual(
        journal
          .records()
          .slice(1)
          .map((_, index) => String(index)),
      );
    } finally {
      wire.close();
    }
  });

  test('goes on after a restart of it, and ends when it stays away', async () => {
    await using server = await ownServer(blueMajor());
    place = placeIn(server.url);
    const writer = await startWriter(urlOf(server.url, place), 20);
    const before = Number(writer.lines().at(-1));
    await server.restart();
    await waitFor(
      { what: 'more records', ...patience },
      () => Number(writer.lines().at(-1)) > before + 20 || undefined,
    );
    await server.stop();
    await writer.ended;
    expect(writer.lines().at(-1)).toBe('TEAL-JOURNAL-021');
    await server.restart();
    using journal = openJournal(place);
    expect(journal.state.seq).toBeGreaterThanOrEqual(Number(writer.lines().at(-2)));
  });

  test('has room no more: nothing is written, and the journal can still be used', async () => {
    using journal = openJournal(place);
    journal.append(runStarted);
    const at = place.schema;
    await database.query(`alter table ${at}.record add constraint full_disk check (seq < 2)`);
    expect(() => journal.append(note('two'))).toThrow('TEAL-JOURNAL-007');
    await database.query(`alter table ${at}.record drop constraint full_disk`);
    expect(journal.append(note('two'))[0]?.seq).toBe(2);
    expect(journal.lost.aborted).toBe(false);
  });
});

describe('an address', () => {
  test('that nobody answers at, or that is none', async () => {
    const port = await freePort();
    expect(() => openJournal(placeIn(`postgres://u:s3cret@127.0.0.1:${port}/x`))).toThrow('TEAL-JOURNAL-021');
    expect(() => openJournalReader(placeIn(`postgres://u:s3cret@127.0.0.1:${port}/x`))).toThrow('TEAL-JOURNAL-021');
    expect(() => postgresPlace('mysql://h/x', 'shop', folder)).toThrow('TEAL-JOURNAL-022');
    expect(() => postgresPlace(`${database.url}?schema=No`, 'shop', folder)).toThrow('TEAL-JOURNAL-022');
    expect(place.name).not.toContain('@');
    expect(await saidOf(`postgres://u:s3cret@127.0.0.1:${port}/x`)).toMatch(/^(?!.*s3cret).*TEAL-JOURNAL-021/s);
  });

  test('of a database that cannot hold a journal', async () => {
    const latin = `${database.name}_latin`;
    await database.query(`create database ${latin} template template0 encoding 'LATIN1' lc_collate 'C' lc_ctype 'C'`);
    expect(() => openJournal(placeIn(onDatabase(database.url, latin)))).toThrow(
      'TEAL-JOURNAL-022: the database is in LATIN1',
    );
    expect(() => openJournal(placeIn(onDatabase(database.url, 'not_there')))).toThrow('TEAL-JOURNAL-022');
    await waitFor({ what: 'no session', ...patience }, async () =>
      database.query(`drop database if exists ${latin}`).then(
        () => true,
        () => undefined,
      ),
    );
  });

  test('and the folder must say the same', () => {
    const env = { TEAL_JOURNAL: urlOf(database.url, place) };
    expect(journalPlace('shop', folder, {})).toBe(folder);
    openJournal(journalPlace('shop', folder, env))[Symbol.dispose]();
    expect(() => journalPlace('shop', folder, {})).toThrow('TEAL-APP-040');
    // The same folder with another address.
    expect(() => openJournal(placeIn(database.url))).toThrow('TEAL-APP-040');
    openJournal(
      journalPlace('shop', folder, { TEAL_JOURNAL: urlOf(database.url.replace('127.0.0.1', 'localhost'), place) }),
    )[Symbol.dispose]();
    const other = mkdtempSync(join(folder, 'other-'));
    writeFileSync(join(other, 'journal.db'), '');
    expect(() => journalPlace('shop', other, env)).toThrow('TEAL-APP-040');
  });
});

/** All that `teal status` prints where the journal is there. */
async function saidOf(url: string): Promise<string> {
  const file = join(folder, 'teal.yaml');
  writeFileSync(file, 'teal: 1\nname: shop\nblue: { url: "postgres://a/b" }\ngreen: { url: "postgres://c/d" }\n');
  const { out, err } = await runNode(folder, {}, tealMain, 'status', '--journal', url);
  return out + err;
}

/** Between a writer and its server: `cut` ends the session with the next answer in hand, which the writer never sees. */
async function cuttingWire(
  url: string,
): Promise<{ url: string; cut: () => void; cuts: () => number; close: () => void }> {
  const target = new URL(url);
  const sockets = new Set<Socket>();
  let isCutting = false;
  let cuts = 0;
  const server: Server = createServer((client) => {
    const upstream = connect(Number(target.port), target.hostname);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
    }
    client.on('data', (bytes) => upstream.write(bytes)).on('close', () => upstream.destroy());
    upstream.on('close', () => client.destroy());
    upstream.on('data', (bytes) => {
      if (!isCutting) {
        client.write(bytes);
        return;
      }
      isCutting = false;
      cuts += 1;
      client.destroy();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const through = new URL(url);
  through.port = String(typeof address === 'object' ? address?.port : 0);
  through.hostname = '127.0.0.1';
  return {
    url: through.href,
    cut: () => (isCutting = true),
    cuts: () => cuts,
    close: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}
