import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Client } from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import {
  openDualWrite,
  reconcile,
  type Consistency,
  type DualWrite,
  type WriteSecond,
} from '../../src/app/dual-write/index.ts';
import { waitFor } from '../../src/kernel/clock.ts';
import { blueMajor, greenMajor, testDatabase, type TestDatabase } from '../support/postgres.ts';

const schema = 'create table customers (id int primary key, name text not null, version int not null)';
const quick = { pauseMs: 10, longestPauseMs: 50, pollMs: 20 };

interface Customer {
  readonly id: number;
  readonly name: string;
  readonly version: number;
}

/** Bears to be called again, as it must. */
const savesIn =
  (green: TestDatabase): WriteSecond =>
  async ({ operation, key, argument }) => {
    const client = await green.connect();
    try {
      if (operation === 'delete') {
        await client.query('delete from customers where id = $1', [key]);
        return;
      }
      const { id, name, version } = argument as Customer;
      await client.query(
        'insert into customers values ($1, $2, $3) on conflict (id) do update set name = excluded.name, version = excluded.version',
        [id, name, version],
      );
    } finally {
      await client.end();
    }
  };

/** The first write, and the note of it, in one transaction. */
async function save(client: Client, dual: DualWrite, id: number, name: string): Promise<string> {
  await client.query('begin');
  const { rows } = await client.query(
    'insert into customers values ($1, $2, 1) on conflict (id) do update set name = excluded.name, version = customers.version + 1 returning *',
    [id, name],
  );
  const note = dual.note({
    entity: 'customer',
    key: String(id),
    operation: 'save',
    argument: { ...rows[0], id, version: Number(rows[0].version) },
  });
  await client.query(...note.statement);
  await client.query('commit');
  return note.id;
}

async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  await waitFor({ what, timeoutMs: 90_000, everyMs: 20 }, async () => ((await isSo()) ? true : undefined));
}

async function rowsOf(database: TestDatabase): Promise<readonly unknown[]> {
  return database.query('select * from customers order by id');
}

test('both systems have every change in order, though the second is down for a while and refuses one', async () => {
  await using blue = await testDatabase(blueMajor());
  await using green = await testDatabase(greenMajor());
  for (const side of [blue, green]) await side.query(schema);
  let isDown = false;
  const saves = savesIn(green);
  await using dual = await openDualWrite({
    from: blue.url,
    limits: { ...quick, attempts: 2 },
    second: async (write, signal) => {
      if (isDown) throw Object.assign(new Error('down'), { code: 'ECONNREFUSED' });
      if ((write.argument as Customer).name === 'refused') throw new Error('refused: secret value');
      return saves(write, signal);
    },
  });
  const client = await blue.connect();
  expect(await dual.done(await save(client, dual, 1, 'one'), 60_000)).toBe('written');
  expect(await rowsOf(green)).toEqual(await rowsOf(blue));

  isDown = true;
  const kept = await save(client, dual, 2, 'two');
  await save(client, dual, 1, 'one again');
  await save(client, dual, 1, 'and again');
  expect(await dual.done(kept, 300)).toBe('waits');
  expect(await dual.status()).toMatchObject({ pending: 3, dead: 0 });
  isDown = false;
  expect(await dual.done(kept, 60_000)).toBe('written');
  const refused = await save(client, dual, 3, 'refused');
  const behind = await save(client, dual, 3, 'three');
  expect(await dual.done(refused, 60_000)).toBe('failed');
  expect(await dual.done(behind, 60_000)).toBe('failed');
  const [letter] = await blue.query('select attempts, reason from dual_writes_dead_letters order by place');
  expect(letter).toEqual({
    attempts: '2',
    reason: expect.stringMatching(/^TEAL-OUTBOX-011: the second write failed: Error$/),
  });

  // What the relay believes is one thing: three rows of green were changed by hand, and one was never written.
  await green.query(
    `update customers set name = 'stray' where id = 2; insert into customers values (9, 'stray', 1); delete from customers where id = 1`,
  );
  const told: Consistency[] = [];
  const options = {
    from: blue.url,
    to: green.url,
    tables: ['customers'],
    onProgress: (now: Consistency) => told.push(now),
  };
  const looked = await reconcile({ ...options, repair: false });
  expect(looked).toMatchObject({ rows: 4n, seen: 4, different: 4, repaired: 0, unsettled: 0, rate: 0 });
  expect(await reconcile(options)).toMatchObject({ different: 4, repaired: 4 });
  expect(told.at(-1)).toMatchObject({ repaired: 4 });
  expect(await rowsOf(green)).toEqual(await rowsOf(blue));
  expect(await reconcile(options)).toMatchObject({ rows: 3n, seen: 0, rate: 1 });
  await expect(reconcile({ ...options, tables: ['customers', 'nowhere'] })).rejects.toThrow(
    /TEAL-DUALWRITE-001.*nowhere/,
  );
});

test('while writes go on and processes are killed nothing is lost, and what is under way is not taken for a difference', async () => {
  await using blue = await testDatabase(blueMajor());
  await using green = await testDatabase(greenMajor());
  for (const side of [blue, green]) await side.query(schema);
  const top = resolve(import.meta.dirname, '../..');
  const program = join(tmpdir(), `teal-dual-write-${process.pid}.ts`);
  onTestFinished(() => rmSync(program, { force: true }));
  writeFileSync(
    program,
    `import { Client } from '${top}/node_modules/pg/esm/index.mjs';
     import { openDualWrite } from '${top}/src/app/dual-write/index.ts';
     const green = new Client(process.env.GREEN); await green.connect();
     const dual = await openDualWrite({ from: process.env.BLUE, second: async ({ argument: { id, name, version } }) => {
       await green.query('insert into customers values ($1, $2, $3) on conflict (id) do update set name = excluded.name, version = excluded.version', [id, name, version]);
     } });
     const blue = new Client(process.env.BLUE); await blue.connect();
     for (let round = 0; ; round += 1) {
       await blue.query('begin');
       const { rows: [row] } = await blue.query("insert into customers values ($1, 'n', 1) on conflict (id) do update set version = customers.version + 1 returning *", [round % 5]);
       const note = dual.note({ entity: 'customer', key: String(row.id), operation: 'save', argument: row });
       await blue.query(...note.statement);
       await blue.query('commit');
       if (round % 3 === 0) await dual.done(note.id, 60000);
     }`,
  );
  const run = () =>
    spawn(process.execPath, [program], { env: { ...process.env, BLUE: blue.url, GREEN: green.url }, stdio: 'ignore' });
  const versions = async (): Promise<number> => {
    const [row] = await blue.query('select coalesce(sum(version), 0) as sum from customers');
    return Number(row?.['sum']);
  };
  const first = run();
  onTestFinished(() => void first.kill('SIGKILL'));
  await until('some writes', async () => (await versions()) > 40);
  // A stray write that no write under way explains, beside many rows that are.
  await blue.query(`insert into customers values (77, 'only here', 1)`);
  const found = await reconcile({ from: blue.url, to: green.url, tables: ['customers'] });
  expect(found.different).toBe(1);
  expect(await green.query('select name from customers where id = 77')).toEqual([{ name: 'only here' }]);
  first.kill('SIGKILL');
  await once(first, 'exit');
  const before = await versions();
  const second = run();
  onTestFinished(() => void second.kill('SIGKILL'));
  await until('more writes', async () => (await versions()) > before + 20);
  second.kill('SIGKILL');
  await once(second, 'exit');
  // What the last one left is made by whoever opens it next.
  await using last = await openDualWrite({ from: blue.url, limits: quick, second: savesIn(green) });
  await until('nothing to wait', async () => (await last.status()).pending === 0);
  expect(await rowsOf(green)).toEqual(await rowsOf(blue));
});
