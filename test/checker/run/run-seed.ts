import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { sleep } from '../../../src/kernel/clock.ts';
import type { Side } from '../../../src/model/catalog.ts';
import { asPostgresMajor } from '../../../tools/servers/install-postgres.ts';
import { pgTools } from '../../../tools/servers/pg-tools.ts';
import { startPostgres, type PostgresServer } from '../../../tools/servers/postgres.ts';
import { Life } from '../../support/whole-life.ts';
import { formatEvent, pairEvents, parseEvents, type MicroOp, type Txn } from '../history.ts';
import {
  checkRun,
  type Comparison,
  type CutTold,
  type Leftover,
  type RunRecord,
  type Violation,
} from '../invariants.ts';
import type { OwnerState } from '../owner-state.ts';
import type { Deed, Schedule } from '../schedule.ts';
import type { ClientProcess } from './client.ts';
import { leftoversOf } from './leftovers.ts';
import { nowUs, opening, readOwnerState, tablesSql, toastText } from './tables.ts';
import { withClient } from '../../../tools/servers/with-client.ts';

export interface SeedResult {
  readonly violations: readonly Violation[];
  readonly txns: readonly Txn[];
  readonly cuts: readonly CutTold[];
}

/** The loader's history has a number that no client comes near. */
const loader = 900_000;
/** Clients of a process are numbered from here on, those of the next one so much higher. */
const clientsEach = 100;

/**
 * One seed on servers of its own: clients in processes of theirs, through the proxy, while the migration does the schedule's deeds; then all that was seen is judged.
 * Deeds that are faults are passed over here. `spoil`: SQL on the owner after the clients have ended, to see that it is found.
 */
export async function runSeed(schedule: Schedule, spoil?: string): Promise<SeedResult> {
  await using stack = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'teal-check-'));
  stack.defer(async () => rm(folder, { recursive: true, force: true }));
  const server = async (major: number): Promise<PostgresServer> =>
    stack.use(await startPostgres({ major: asPostgresMajor(major), settings: { max_connections: '200' } }));
  const [blue, green] = await Promise.all([server(schedule.blue), server(schedule.green)]);
  const loaded = await load(blue.url, schedule);
  const tools = await pgTools(schedule.blue, schedule.green);
  const life = stack.use(
    await Life.begin({ name: 'check', blueUrl: blue.url, greenUrl: green.url, tools, gates: '[{ person: checker }]' }),
  );
  const run = new Run(life, { blue: blue.url, green: green.url });
  const clients = await startClients(life.proxyUrl, folder, schedule);
  try {
    for (const deed of schedule.deeds) await run.do(deed);
  } finally {
    await clients.stop();
  }
  if (spoil !== undefined) await run.spoil(spoil);
  await run.lookAtOwner();
  const txns = pairEvents([loaded, ...(await clients.histories())]);
  const record: RunRecord = { ...(await run.record(schedule)), txns };
  return { violations: checkRun(record), txns, cuts: record.cuts };
}

/** Tables, and the rows that writes replace: as history, since they must be accounted for. */
async function load(url: string, schedule: Schedule): Promise<ReturnType<typeof parseEvents>> {
  const ops = Array.from({ length: schedule.sizes.rows }, (_, at): MicroOp => {
    const row = at + 1;
    return { f: 'insert', row, was: null, version: row, key: row, toast: row };
  });
  const head = { client: loader, op: 0, isolation: 'read committed', wallMs: Date.now(), ops } as const;
  const invoked = nowUs();
  await withClient(url, async (client) => {
    await client.query(tablesSql(schedule));
    for (const op of ops) {
      if (op.f !== 'insert') continue;
      await client.query('insert into rows (row, key, version, toast) values ($1, $2, $3, $4)', [
        op.row,
        op.key,
        op.version,
        toastText(op.toast, schedule.sizes.toastBytes),
      ]);
    }
  });
  return parseEvents(
    formatEvent({ ...head, type: 'invoke', atUs: invoked, ops: [...ops] }) +
      formatEvent({ ...head, type: 'ok', atUs: nowUs(), ops: [...ops] }),
  );
}

/** The migration's side of a run: does the deeds, and keeps what was seen of them. */
class Run {
  readonly #life: Life;
  readonly #urls: Readonly<Record<Side, string>>;
  readonly #states: OwnerState[] = [];
  readonly #cuts: CutTold[] = [];
  readonly #comparisons: Comparison[] = [];
  #end: RunRecord['end'] = 'running';

  constructor(life: Life, urls: Readonly<Record<Side, string>>) {
    this.#life = life;
    this.#urls = urls;
  }

  async do(deed: Deed): Promise<void> {
    await sleep(deed.afterMs);
    const { migration } = this.#life;
    switch (deed.do) {
      case 'up': {
        const { outcome } = await migration.up();
        if (outcome !== 'waiting') throw new Error(`up ended ${outcome}`);
        return;
      }
      case 'verify':
        return this.#verify();
      case 'switch':
        return this.#switch();
      case 'finalise':
        if (migration.live === 'blue') await this.#switch();
        await migration.finalise({ early: true });
        this.#end = 'finalised';
        return;
      case 'abort':
        if (migration.live === 'green') await this.#switch();
        await migration.abort('the schedule says so');
        this.#end = 'aborted';
        return;
      case 'fault':
      case 'stop':
        return;
    }
  }

  async #switch(): Promise<void> {
    const { migration } = this.#life;
    const before = migration.live;
    const cut = `of ${before}, epoch ${migration.state.epoch + 1}`;
    const outcome = before === 'blue' ? await migration.cutover() : await migration.rollback('the schedule says so');
    const isDone = outcome.outcome === 'done' && migration.live !== before;
    this.#cuts.push({ cut, conditionsMet: true, outcome: isDone ? 'done' : 'aborted' });
    await this.lookAtOwner();
  }

  async #verify(): Promise<void> {
    const { live, result } = await this.#life.migration.verify();
    const { certificate } = result;
    this.#comparisons.push({
      position: certificate.live.position,
      direction: live === 'blue' ? 'forward' : 'reverse',
      tables: certificate.tables.map((table) => ({
        table: `${table.schema}.${table.name}`,
        rows: [table.rows?.blue ?? '?', table.rows?.green ?? '?'],
        digest: [table.digest?.blue ?? 'blue alone', table.digest?.green ?? 'green alone'],
      })),
    });
  }

  async spoil(sql: string): Promise<void> {
    await withClient(this.#urls[this.#life.migration.live], async (client) => {
      await client.query(`set session_replication_role = replica; ${sql}`);
    });
  }

  async lookAtOwner(): Promise<void> {
    const { live, state } = this.#life.migration;
    this.#states.push(await withClient(this.#urls[live], async (client) => readOwnerState(client, live, state.epoch)));
  }

  async record({ sizes }: Schedule): Promise<Omit<RunRecord, 'txns'>> {
    const accounts = Array.from({ length: sizes.accounts }, (_, at) => [at + 1, opening] as const);
    const leftovers: Leftover[] = [];
    if (this.#end !== 'running') {
      for (const side of ['blue', 'green'] as const) {
        const isClosed = this.#end === 'finalised' && side === 'blue';
        leftovers.push(...(await withClient(this.#urls[side], async (client) => leftoversOf(client, side, isClosed))));
      }
    }
    return {
      clocks: { realtime: true },
      opening: new Map(accounts),
      states: this.#states,
      doors: [],
      cuts: this.#cuts,
      excuses: [],
      end: this.#end,
      accepts: { blue: await this.#accepts('blue'), green: await this.#accepts('green') },
      leftovers,
      comparisons: this.#comparisons,
      samples: [],
      bounds: [],
      replays: [],
    };
  }

  /** Tried, and taken back. */
  async #accepts(side: Side): Promise<boolean> {
    return withClient(this.#urls[side], async (client) => {
      try {
        await client.query('begin');
        await client.query('insert into side (v) values (0)');
        return true;
      } catch (error) {
        const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : undefined;
        // The fence's own, and a table that an abort has taken away.
        if (code === '25006' || code === '42P01') return false;
        throw error;
      } finally {
        await client.query('rollback');
      }
    });
  }
}

async function startClients(
  url: string,
  folder: string,
  schedule: Schedule,
): Promise<{ stop(): Promise<void>; histories(): Promise<ReturnType<typeof parseEvents>[]> }> {
  const files = schedule.groups.map((_, group) => join(folder, `history-${group}.jsonl`));
  await Promise.all(files.map(async (file) => writeFile(file, '')));
  const children = await Promise.all(
    files.map(async (history, group): Promise<ChildProcess> => {
      const options: ClientProcess = { url, schedule, group, firstClient: (group + 1) * clientsEach, history };
      const child = fork(fileURLToPath(new URL('client.ts', import.meta.url)), [JSON.stringify(options)], {
        stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      });
      await Promise.race([once(child, 'message'), once(child, 'exit')]);
      return child;
    }),
  );
  return {
    async stop() {
      const ended = children.map(async (child) => {
        if (child.exitCode !== null || child.signalCode !== null) return;
        const exit = once(child, 'exit');
        if (child.connected) child.send('stop');
        await exit;
      });
      await Promise.all(ended);
      const broken = children.filter((child) => child.exitCode !== 0);
      if (broken.length > 0) throw new Error(`${broken.length} client processes ended badly`);
    },
    histories: async () => Promise.all(files.map(async (file) => parseEvents(await readFile(file, 'utf8')))),
  };
}
