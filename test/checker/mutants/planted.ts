import type { Client } from 'pg';
import { sleep } from '../../../src/kernel/clock.ts';
import { describeError } from '../../../src/kernel/errors.ts';
import { asPostgresMajor } from '../../../tools/servers/install-postgres.ts';
import { pgTools } from '../../../tools/servers/pg-tools.ts';
import { startPostgres } from '../../../tools/servers/postgres.ts';
import { withClient } from '../../../tools/servers/with-client.ts';
import { Life } from '../../support/whole-life.ts';
import { pairEvents, type HistoryEvent, type MicroOp } from '../../../src/testing/checker/history.ts';
import { checkRun } from '../../../src/testing/checker/invariants.ts';
import { nowUs, opening, readOwnerState, tablesSql, toastText } from '../run/tables.ts';
import { scheduleOf } from '../schedule.ts';
import type { Plant, TrialReport } from './trials.ts';

const lists = 20;
const accounts = 3;
const writers = 4;

/** A history of this process's own. */
class Story {
  readonly events: HistoryEvent[] = [];

  /** One transaction as a client has it: what `work` answers is what was seen. */
  async tell(client: number, op: number, ops: MicroOp[], work: () => Promise<'ok' | 'rollback'>): Promise<boolean> {
    const head = { client, op, wallMs: Date.now(), isolation: 'read committed', ops } as const;
    this.events.push({ ...head, type: 'invoke', atUs: nowUs() });
    const end = await work();
    const atUs = nowUs();
    this.events.push(end === 'ok' ? { ...head, type: 'ok', atUs } : { ...head, type: 'fail', atUs, error: 'rollback' });
    return end === 'ok';
  }
}

/**
 * A migration of the checker's tables with a difference on green that was made on purpose, as a bug of Teal would make it, or with writers beside the proxy. A
 * comparison must tell the difference, or the flow must stop at it: then nobody cuts, and blue is whole. Where neither happens the cut is made, and green is judged.
 */
export async function runPlanted(plant: Plant, majors: readonly [number, number]): Promise<TrialReport> {
  await using stack = new AsyncDisposableStack();
  const [blue, green] = await Promise.all(
    majors.map(async (major) => startPostgres({ major: asPostgresMajor(major) })),
  );
  if (blue === undefined || green === undefined) throw new Error('two servers were asked for');
  stack.use(blue);
  stack.use(green);
  const story = new Story();
  await load(blue.url, story);
  const tools = await pgTools(...majors);
  const life = stack.use(
    await Life.begin({ name: 'check', blueUrl: blue.url, greenUrl: green.url, tools, gates: '[{ person: checker }]' }),
  );
  const { migration } = life;
  await migration.up();
  if (plant !== 'direct writers') await makeDifference(green.url, plant);
  if (plant === 'missing row') await touchRow(life.proxyUrl, story);
  const isTold = plant === 'equal pair' && !(await migration.verify()).verified.equal;
  const direct = plant === 'direct writers' ? startWriters(blue.url, story) : undefined;
  await sleep(300);
  const told = isTold ? ['the comparison told the difference'] : [await cut(life)];
  await direct;
  const {
    live,
    state: { epoch },
  } = migration;
  const state = await withClient(live === 'blue' ? blue.url : green.url, async (client) =>
    readOwnerState(client, live, epoch),
  );
  const violations = checkRun({
    txns: pairEvents([story.events]),
    clocks: { realtime: true },
    opening: new Map(Array.from({ length: accounts }, (_, at) => [at + 1, opening] as const)),
    states: [state],
    doors: [],
    cuts: [
      {
        cut: 'the only one',
        conditionsMet: plant === 'direct writers',
        outcome: live === 'green' ? 'done' : 'aborted',
      },
    ],
    excuses: [],
    end: 'running',
    accepts: { blue: live === 'blue', green: live === 'green' },
    leftovers: [],
    comparisons: [],
    samples: [],
    bounds: [],
    replays: [],
  });
  return { violations, told };
}

/** What came of it. */
async function cut({ migration }: Life): Promise<string> {
  try {
    return `the cut ended ${(await migration.cutover()).outcome}`;
  } catch (error) {
    return `the cut was refused: ${describeError(error)}`;
  }
}

/** One large row, and twice the same value where there is no key. */
async function load(url: string, story: Story): Promise<void> {
  const sizes = { ...scheduleOf(1).sizes, lists, accounts, ballast: 100 };
  const ops: MicroOp[] = [
    { f: 'bag', v: 1 },
    { f: 'bag', v: 1 },
    { f: 'insert', row: 1, was: null, version: 1, key: 1, toast: 1 },
  ];
  await withClient(url, async (client) => {
    await client.query(tablesSql({ ...scheduleOf(1), sizes }));
    await story.tell(1, 0, ops, async () => {
      await client.query('insert into bag values (1), (1)');
      await client.query('insert into rows (row, key, version, toast) values (1, 1, 1, $1)', [toastText(1, 3_000)]);
      return 'ok';
    });
  });
}

const differences = {
  'equal pair': 'update bag set v = 2 where v = 1',
  'missing row': 'delete from rows where row = 1',
} as const;

/** Marked as Teal's own: what nobody but a comparison, or the count of rows, can see. */
async function makeDifference(url: string, plant: keyof typeof differences): Promise<void> {
  await withClient(url, async (client) => {
    await client.query(`select pg_replication_origin_create('teal_check_plant')`);
    await client.query(`select pg_replication_origin_session_setup('teal_check_plant')`);
    await client.query('set session_replication_role = replica');
    const { rowCount } = await client.query(differences[plant]);
    if (rowCount !== (plant === 'equal pair' ? 2 : 1)) throw new Error(`${plant} could not be made`);
  });
}

async function touchRow(url: string, story: Story): Promise<void> {
  await withClient(url, async (client) =>
    story.tell(1, 1, [{ f: 'touch', row: 1, was: 1, version: 2 }], async () => {
      await client.query('update rows set version = 2 where row = 1 and version = 1');
      return 'ok';
    }),
  );
}

/** Each appends as fast as it can until blue is closed to it. */
async function startWriters(url: string, story: Story): Promise<void> {
  await Promise.all(
    Array.from({ length: writers }, async (_, at) =>
      withClient(url, async (client) => {
        const number = 10 + at;
        for (let op = 0; await append(client, story, number, op); op += 1);
      }),
    ),
  );
}

async function append(client: Client, story: Story, number: number, op: number): Promise<boolean> {
  const change: MicroOp = { f: 'append', k: 1 + ((number * 7 + op) % lists), v: number * 1_000_000 + op };
  return story.tell(number, op, [change], async () => {
    try {
      await client.query('update lists set elements = elements || $2::int where k = $1', [change.k, change.v]);
      return 'ok';
    } catch (error) {
      // The fence's own: it knows that it had no effect.
      if (error instanceof Error && Reflect.get(error, 'code') === '25006') return 'rollback';
      throw error;
    }
  });
}
