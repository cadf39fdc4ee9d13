import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connectCarrier } from '../../src/app/connect-carrier.ts';
import { waitFor } from '../../src/kernel/clock.ts';
import { isTealError } from '../../src/kernel/errors.ts';
import { storedTables, type Table } from '../../src/model/catalog.ts';
import { asPosition, type Position } from '../../src/model/position.ts';
import type { CopyTarget, DoneRange } from '../../src/ports/snapshot-source.ts';
import { missingOf } from '../../src/sync/copy.ts';
import { copyInEpochs } from '../../src/sync/epochs.ts';
import { connect } from '../../src/systems/postgres/connection.ts';
import { postgresCopyTarget } from '../../src/systems/postgres/copy-target.ts';
import { postgresSide } from '../../src/systems/postgres/digest/side.ts';
import { holderFile, holderNumbers, readHolderRecord } from '../../src/systems/postgres/holder-file.ts';
import {
  discardSnapshot,
  heldSource,
  isHeld,
  openSnapshot,
  snapshotKeeper,
  type SnapshotOptions,
} from '../../src/systems/postgres/snapshot.ts';
import { installTealSchema } from '../../src/systems/postgres/teal-schema.ts';
import { verifySamePosition } from '../../src/verify/same-position.ts';
import type { PostgresServer } from '../../tools/servers/postgres.ts';
import { blueMajor, greenMajor, ownServer, testDatabase, type TestDatabase } from '../support/postgres.ts';
import { catalogOf, holderCommand } from './sides.ts';
import { writtenForeignKey, writtenKeys, writtenRows, writtenTables, Writers } from './writers.ts';

/** Its server is restarted: nobody else's may be. */
let blueServer: PostgresServer;
beforeAll(async () => {
  blueServer = await ownServer(blueMajor());
});
afterAll(async () => {
  await blueServer[Symbol.asyncDispose]();
});

const signal = new AbortController().signal;
const smallRanges = { minRangeBytes: 32 << 10, maxRangeBytes: 128 << 10 };

type Fault = 'holders' | 'blue';
/** Before which writing of a range, counted over the whole copy (0: when a run has just begun), or of which table's first. */
type Faults = Readonly<Record<string, Fault>>;

/** Two databases in the middle of a migration whose copy meets faults. */
class Moving implements AsyncDisposable {
  readonly blue: TestDatabase;
  readonly green: TestDatabase;
  readonly stateDir: string;
  readonly tables: readonly Table[];
  readonly carrier: ReturnType<typeof connectCarrier>;
  readonly met = new Set<string>();

  private constructor(blue: TestDatabase, green: TestDatabase, stateDir: string, tables: readonly Table[]) {
    this.blue = blue;
    this.green = green;
    this.stateDir = stateDir;
    this.tables = tables;
    const urls = { blue: blue.url, green: green.url };
    this.carrier = connectCarrier({ migration: this.migration, stateDir, urls });
  }

  static async open(): Promise<Moving> {
    const blue = await testDatabase(blueServer);
    const green = await testDatabase(greenMajor());
    for (const [side, database] of [
      ['blue', blue],
      ['green', green],
    ] as const) {
      await using session = await connect({ url: database.url, applicationName: 'test' });
      await installTealSchema(session, side);
      await database.query(writtenTables);
    }
    await blue.query(`${writtenRows}; ${writtenKeys}; ${writtenForeignKey}; analyze`);
    await blue.query(
      `create publication teal_${blue.name.slice(5)}_fwd for table parent, child, big, keyless, side, untouched, teal.cut, teal.owner, teal.heartbeat`,
    );
    const stateDir = await mkdtemp(join(tmpdir(), 'teal-epochs-'));
    const tables = storedTables(await catalogOf(blue)).filter(({ schema }) => schema === 'public');
    return new Moving(blue, green, stateDir, tables);
  }

  /** `teal_<migration>_fwd` is the slot's name: so `blue.name` is `teal_<migration>`. */
  get migration(): string {
    return this.blue.name.slice(5);
  }

  get snapshotOptions(): SnapshotOptions {
    return {
      url: this.blue.url,
      stateDir: this.stateDir,
      command: holderCommand,
      tables: this.tables,
      slot: `${this.blue.name}_fwd`,
      epoch: 1,
    };
  }

  /** The flow receives from here on, as it does in a migration: what it is to pass over it must ask when it begins to apply, not before. */
  async begin(receives = true): Promise<void> {
    await openSnapshot(this.snapshotOptions, signal);
    if (receives) await this.carrier.deploy('forward', { begin: false });
  }

  async copy(faults: Faults, losses = 5): Promise<{ readonly epoch: number; readonly lost: number }> {
    return copyInEpochs({
      keeper: snapshotKeeper(this.snapshotOptions),
      target: this.#faulty(postgresCopyTarget(this.green.url), faults),
      tables: this.tables,
      workers: 3,
      losses,
      signal,
      ...smallRanges,
    });
  }

  async done(): Promise<readonly DoneRange[]> {
    return postgresCopyTarget(this.green.url).done(this.tables);
  }

  async meet(fault: Fault): Promise<void> {
    if (fault === 'holders') {
      await this.#killHolders();
      return;
    }
    await blueServer.stop('immediate');
    await blueServer.restart();
  }

  async #killHolders(): Promise<void> {
    for (const number of holderNumbers) {
      const record = await readHolderRecord(holderFile(this.stateDir, number));
      if (record !== undefined) process.kill(record.pid, 'SIGKILL');
    }
    await waitFor({ what: 'the holders to be gone', timeoutMs: 60_000 }, async () =>
      (await isHeld(this.snapshotOptions)) ? undefined : true,
    );
  }

  #faulty(target: CopyTarget, faults: Faults): CopyTarget {
    let ranges = 0;
    const meetOnce = async (place: string): Promise<void> => {
      const fault = faults[place];
      if (fault === undefined || this.met.has(place)) return;
      this.met.add(place);
      await this.meet(fault);
    };
    return {
      epoch: async () => target.epoch(),
      done: async (tables) => target.done(tables),
      begin: async (run, stop) => {
        const done = await target.begin(run, stop);
        await meetOnce('0');
        return done;
      },
      open: async (run, stop) => {
        const writer = await target.open(run, stop);
        return {
          write: async (range, rows) => {
            ranges += 1;
            await meetOnce(String(ranges));
            await meetOnce(range.table.name);
            return writer.write(range, rows);
          },
          [Symbol.asyncDispose]: async () => writer[Symbol.asyncDispose](),
        };
      },
    };
  }

  /** Keys, the flow up to the newest snapshot, what looks at two tables at once, and the comparison while clients write on. */
  async followAndCompare(): Promise<void> {
    await this.green.query(writtenKeys);
    const { carrier } = this;
    const starts = (await this.done()).map(({ snapshot }) => snapshot).sort();
    const converged = asPosition(starts.at(-1) ?? '');
    await carrier.deploy('forward');
    await this.#applied(converged);
    expect((await carrier.status('forward')).convergesAt).toBeUndefined();
    await this.green.query(`set lock_timeout = '20s'; ${writtenForeignKey}`);
    // As holders that live do: a table that is truncated while it is compared is not settled.
    const guard = await this.blue.connect();
    await guard.query('begin; lock table side in access share mode');
    const { certificate } = await verifySamePosition({
      migration: this.migration,
      flow: 'forward',
      tables: this.tables,
      live: postgresSide({ side: 'blue', url: this.blue.url }),
      other: postgresSide({ side: 'green', url: this.green.url }),
      stopAt: async (position, leaseMs, stop) => carrier.stopAt('forward', position, leaseMs, stop),
      resume: async () => carrier.resume('forward'),
      signal,
    });
    await guard.query('commit');
    expect(certificate.tables.map(({ name, outcome }) => [name, outcome])).toEqual(
      certificate.tables.map(({ name }) => [name, 'equal']),
    );
    expect(certificate.result).toBe('equal');
  }

  async #applied(position: Position): Promise<void> {
    await waitFor({ what: 'the flow to come to the newest snapshot', timeoutMs: 60_000 }, async () => {
      const { now, applied } = await this.carrier.status('forward');
      const isStuck = now.state === 'failed' || (now.state === 'waiting' && now.code.startsWith('TEAL-SYNC'));
      if (isStuck) throw new Error(`${now.state}: ${now.code} ${now.reason}`);
      return applied >= position || undefined;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.carrier.retire('forward');
    await discardSnapshot(this.snapshotOptions, signal);
    await rm(this.stateDir, { recursive: true, force: true });
    await this.green.query('select pg_replication_origin_drop(roname) from pg_replication_origin where roname = $1', [
      `${this.blue.name}_fwd`,
    ]);
    await this.blue[Symbol.asyncDispose]();
    await this.green[Symbol.asyncDispose]();
  }
}

function seedOf(): number {
  const seed = Number(process.env['TEAL_SEED'] ?? Date.now() % 1_000_000);
  process.stdout.write(`seed ${seed} (TEAL_SEED)\n`);
  return seed;
}

async function temporarySlots(blue: TestDatabase): Promise<number> {
  const rows = await blue.query('select from pg_replication_slots where temporary and database = current_database()');
  return rows.length;
}

/** A TRUNCATE of `side` that waits for the holders; `ended` when it had its turn. */
async function waitingTruncate(blue: TestDatabase): Promise<{ readonly ended: Promise<unknown> }> {
  const client = await blue.connect();
  const ended = client.query('truncate side');
  await waitFor({ what: 'TRUNCATE to wait', timeoutMs: 60_000 }, async () => {
    const rows = await blue.query(
      `select from pg_locks where not granted and mode = 'AccessExclusiveLock' and relation = 'side'::regclass`,
    );
    return rows.length > 0 ? true : undefined;
  });
  return { ended };
}

/** About 40 ranges: `big` first, in many of them, then the others. */
const stories: readonly { readonly what: string; readonly faults: Faults; readonly epochs: readonly number[] }[] = [
  { what: 'the holders die before the first range', faults: { 0: 'holders' }, epochs: [2] },
  { what: 'the holders die in the middle of a split table', faults: { 9: 'holders' }, epochs: [1, 2] },
  { what: 'the holders die between tables', faults: { keyless: 'holders' }, epochs: [1, 2] },
  { what: 'blue restarts before the first range', faults: { 0: 'blue' }, epochs: [2] },
  { what: 'blue restarts in the middle of a split table', faults: { 9: 'blue' }, epochs: [2] },
  { what: 'blue restarts between tables', faults: { keyless: 'blue' }, epochs: [2] },
  {
    what: 'blue restarts, and then again, and the holders die',
    faults: { 5: 'blue', 15: 'blue', side: 'holders' },
    epochs: [3, 4],
  },
];

describe.each(stories)('$what', ({ faults, epochs }) => {
  test('both sides are equal in the end', async () => {
    const seed = seedOf();
    await using moving = await Moving.open();
    const writers = new Writers(moving.blue.url, seed, 4);
    try {
      await moving.begin();
      const report = await moving.copy(faults);
      expect([...moving.met].sort()).toEqual(Object.keys(faults).sort());
      expect(epochs).toContain(report.epoch);
      expect(await temporarySlots(moving.blue)).toBe(0);
      await moving.followAndCompare();
      expect(writers.committed).toBeGreaterThan(50);
    } finally {
      await writers.stop();
    }
  });
});

test('tables that are complete stay of the first snapshot, and a run that may lose no more goes on in the next one', async () => {
  const seed = seedOf();
  await using moving = await Moving.open();
  const writers = new Writers(moving.blue.url, seed, 4);
  try {
    await moving.begin();
    // The smallest table comes last, and the biggest first.
    await expect(moving.copy({ untouched: 'blue' }, 0)).rejects.toSatisfy((error) =>
      isTealError(error, 'TEAL-SYNC-203'),
    );
    const before = await moving.done();
    const complete = moving.tables.filter((table) => !missingOf(moving.tables, before).includes(table));
    const numbers = await moving.green.query('select oid, relfilenode from pg_class where relkind = $1', ['r']);
    await moving.copy({});
    const after = await moving.done();
    expect(missingOf(moving.tables, after)).toEqual([]);
    const filesOf = new Map(numbers.map((row) => [row['oid'], row['relfilenode']]));
    for (const table of complete) {
      expect(after.filter((range) => range.table.name === table.name)).toEqual(
        before.filter((range) => range.table.name === table.name),
      );
      const [now] = await moving.green.query('select oid, relfilenode from pg_class where oid = $1::regclass', [
        `public.${table.name}`,
      ]);
      expect(now?.['relfilenode']).toBe(filesOf.get(now?.['oid'] ?? ''));
    }
    expect(complete.map(({ name }) => name)).toContain('big');
    expect(new Set(after.map(({ snapshot }) => snapshot)).size).toBe(2);
    await moving.followAndCompare();
  } finally {
    await writers.stop();
  }
});

test('the loss of both holders after the last range costs nothing', async () => {
  await using moving = await Moving.open();
  await moving.begin();
  await moving.copy({});
  const before = await moving.done();
  await moving.meet('holders');
  expect(missingOf(moving.tables, await moving.done())).toEqual([]);
  await moving.copy({});
  expect(await moving.done()).toEqual(before);
  await moving.followAndCompare();
});

test('somebody who wants a table for himself before it is copied has his turn, and the copy its own', async () => {
  await using moving = await Moving.open();
  await moving.begin();
  const truncated = await waitingTruncate(moving.blue);
  const { lost } = await moving.copy({});
  expect(lost).toBe(1);
  await truncated.ended;
  await moving.followAndCompare();
});

test('somebody who waits for the last holder has his turn, though a new one is to take its snapshot over', async () => {
  await using moving = await Moving.open();
  await moving.begin();
  const truncated = await waitingTruncate(moving.blue);
  const record = await readHolderRecord(holderFile(moving.stateDir, 1));
  process.kill(record?.pid ?? 0, 'SIGKILL');
  const report = await moving.copy({});
  expect(report).toMatchObject({ epoch: 2, lost: 0 });
  await truncated.ended;
  await moving.followAndCompare();
});

test('a table that is emptied after the holders died is not taken for an empty one', async () => {
  await using moving = await Moving.open();
  await moving.begin();
  const held = await snapshotKeeper(moving.snapshotOptions).held(signal);
  if (held === undefined) throw new Error('nothing is held');
  // As with many tables: each is locked when it is read.
  const source = heldSource(
    { url: moving.blue.url, stateDir: moving.stateDir },
    { snapshot: held.source.snapshot, epoch: held.epoch },
  );
  const reader = await source.open(signal);
  const [side, other] = ['side', 'parent'].map((name) => moving.tables.find((table) => table.name === name));
  if (reader === undefined || side === undefined || other === undefined) throw new Error('no reader');
  await using open = reader;
  const rowsOf = async (table: Table): Promise<bigint> => {
    const rows = open.read({ table, from: 0 }, 'text');
    for await (const span of rows.spans) void span;
    return rows.rowCount();
  };
  expect(await rowsOf(other)).toBe(2000n);
  await moving.meet('holders');
  await moving.blue.query('truncate side');
  // What this session has locked itself can still be read.
  expect(await rowsOf(other)).toBe(2000n);
  await expect(rowsOf(side)).rejects.toSatisfy((error) => isTealError(error, 'TEAL-SYNC-203'));
});

test('one holder that is lost is replaced from the other, under the same epoch', async () => {
  await using moving = await Moving.open();
  await moving.begin();
  const record = await readHolderRecord(holderFile(moving.stateDir, 1));
  process.kill(record?.pid ?? 0, 'SIGKILL');
  const report = await moving.copy({});
  expect(report).toMatchObject({ epoch: 1, lost: 0 });
  const replaced = await readHolderRecord(holderFile(moving.stateDir, 1));
  expect(replaced?.pid).not.toBe(record?.pid);
  expect(replaced?.shows).toBe(record?.shows);
});

test('a flow whose slot was made anew after the copy does not begin: what lies between is in neither', async () => {
  await using moving = await Moving.open();
  await moving.begin(false);
  await moving.copy({});
  await moving.green.query(writtenKeys);
  const { slot } = moving.snapshotOptions;
  await moving.blue.query('select pg_drop_replication_slot($1)', [slot]);
  await moving.blue.query(`insert into side values (-1, 'lost')`);
  await moving.blue.query(`select pg_create_logical_replication_slot($1, 'pgoutput')`, [slot]);
  await moving.carrier.deploy('forward');
  const state = await waitFor({ what: 'the flow to refuse', timeoutMs: 60_000 }, async () => {
    const { now } = await moving.carrier.status('forward');
    return now.state === 'failed' ? now : undefined;
  });
  expect(state.code).toBe('TEAL-SYNC-208');
});
