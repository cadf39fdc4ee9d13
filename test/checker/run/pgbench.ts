import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { must } from '../../../src/kernel/assert.ts';
import { isTealError } from '../../../src/kernel/errors.ts';
import { nowMs, sleep } from '../../../src/kernel/clock.ts';
import type { PgTools } from '../../../tools/servers/pg-tools.ts';
import type { HistoryEvent, MicroOp } from '../../../src/testing/checker/history.ts';
import { Random } from '../random.ts';
import type { ClientGroup, Schedule } from '../schedule.ts';
import { againMs, nextLife } from './checked-client.ts';
import { nowUs } from './tables.ts';

/** Transactions of each client in one run of pgbench. */
const perRun = 20;
/** Numbers of one client; see `Numbers`. */
const span = 1_000_000;

/**
 * All that it writes follows from the client and a counter, so that it is known without being told. `:from` and `:to` in one order, as in `statementsOf`. pgbench must not try a transaction again:
 * it would count on.
 */
const script = `
\\set n :n + 1
\\set v :base + :client_id * ${span} + :n
\\set from 1 + :v % :accounts
\\set to 1 + (:v / :accounts) % :accounts
\\set amount 1 + :v % 50
\\set low least(:from, :to)
\\set high greatest(:from, :to)
\\set change case when :from = :to then 0 when :low = :to then :amount else 0 - :amount end
\\set taken 0 - :change
\\set item 1 + :v % :items
begin;
update accounts set balance = balance + :change where account = :low;
update accounts set balance = balance + :taken where account = :high;
insert into side (v) values (:v);
insert into bag (v) values (:item);
end;
`;

function opsOf(v: number, { sizes }: Schedule): readonly MicroOp[] {
  const from = 1 + (v % sizes.accounts);
  const to = 1 + (Math.floor(v / sizes.accounts) % sizes.accounts);
  return [
    { f: 'transfer', from, to, amount: 1 + (v % 50) },
    { f: 'side', v },
    { f: 'bag', v: 1 + (v % sizes.values) },
  ];
}

export interface PgbenchOptions {
  readonly tools: PgTools;
  readonly url: string;
  readonly schedule: Schedule;
  readonly group: ClientGroup;
  readonly firstClient: number;
  readonly log: (event: HistoryEvent) => void;
}

/**
 * pgbench, one run after another until the signal. It tells what was acknowledged in its log alone, and that when it ends: a run is one transaction of each client in the
 * history, which nothing but writes makes possible, for what is judged of them is whether they are there. Of a run that did not come to its end, or met a deadlock, the whole is in doubt, and
 * what its log has as acknowledged is told once more, as certain.
 */
export class Pgbench {
  readonly #options: PgbenchOptions;
  readonly #random: Random;
  readonly #numbers: number[];
  readonly #ops: number[];
  #done = 0;
  #child: ChildProcess | undefined;

  constructor(options: PgbenchOptions) {
    this.#options = options;
    const { firstClient, group, schedule } = options;
    this.#numbers = Array.from({ length: group.clients }, (_, at) => firstClient + at);
    this.#ops = this.#numbers.map(() => -1);
    this.#random = new Random(schedule.seed).fork(`pgbench ${firstClient}`);
  }

  async run(signal: AbortSignal): Promise<void> {
    const folder = await mkdtemp(join(tmpdir(), 'teal-pgbench-'));
    try {
      await writeFile(join(folder, 'script.sql'), script);
      while (!signal.aborted) {
        if (!(await this.#once(folder))) await pause(this.#random.between(...againMs), signal);
      }
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  /** What it still waits for when nobody waits any longer is left without an end. */
  abandon(): void {
    this.#child?.kill('SIGKILL');
    for (const [at, number] of this.#numbers.entries()) this.#tell('info', number, at, [], 'no answer');
  }

  /** False when a client did not come to its end. */
  async #once(folder: string): Promise<boolean> {
    const { schedule, firstClient } = this.#options;
    const first = this.#done + 1;
    this.#done += perRun;
    const meant = this.#numbers.map((_, at) =>
      Array.from({ length: perRun }, (_each, n) => opsOf((firstClient + at) * span + first + n, schedule)),
    );
    const beganUs = nowUs();
    for (const [at, txns] of meant.entries()) {
      this.#ops[at] = (this.#ops[at] ?? 0) + 1;
      this.#tell('invoke', this.#numbers[at] ?? 0, at, txns.flat());
    }
    const { lines, said } = await this.#logOf(folder, first - 1);
    let isWhole = true;
    for (const [at, txns] of meant.entries()) {
      const known = txns.filter((_, n) => lines.get(at)?.[n] === true);
      if (known.length === perRun) {
        this.#tell('ok', this.#numbers[at] ?? 0, at, txns.flat());
        continue;
      }
      // Some met a deadlock, and no other has failed: before 15 pgbench gives the client up then.
      const hasEnded = lines.get(at)?.length === perRun || new RegExp(`client ${at} .*deadlock detected`).test(said);
      isWhole &&= hasEnded;
      this.#inDoubt(at, txns.flat(), known.flat(), hasEnded ? '40P01' : 'pgbench', beganUs);
    }
    return isWhole;
  }

  #inDoubt(
    at: number,
    meant: readonly MicroOp[],
    known: readonly MicroOp[],
    error: '40P01' | 'pgbench',
    beganUs: number,
  ): void {
    this.#tell('info', this.#numbers[at] ?? 0, at, meant, error);
    this.#numbers[at] = (this.#numbers[at] ?? 0) + nextLife;
    this.#ops[at] = -1;
    if (known.length === 0) return;
    this.#ops[at] = 0;
    this.#tell('invoke', this.#numbers[at] ?? 0, at, known, undefined, beganUs);
    this.#tell('ok', this.#numbers[at] ?? 0, at, known);
  }

  /** Of each client, its transactions in their order: whether each was acknowledged. A line is `client transaction time script …`, with `failed` for a time that there is not. */
  async #logOf(
    folder: string,
    before: number,
  ): Promise<{ readonly lines: ReadonlyMap<number, readonly boolean[]>; readonly said: string }> {
    const { tools, url, schedule, group, firstClient } = this.#options;
    const mode = this.#random.pick(['simple', 'extended', 'prepared']);
    const defined = {
      n: before,
      base: firstClient * span,
      accounts: schedule.sizes.accounts,
      items: schedule.sizes.values,
    };
    // A thread for each client: one that prepares must not keep another from ending its transaction.
    const clients = ['-c', `${group.clients}`, '-j', `${group.clients}`, '-t', `${perRun}`];
    const variables = Object.entries(defined).flatMap(([name, value]) => ['-D', `${name}=${value}`]);
    this.#child = spawn(
      tools.pgbench,
      ['-n', '-M', mode, ...clients, ...variables, '-l', '--log-prefix=log', '-f', 'script.sql', url],
      { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, PGCONNECT_TIMEOUT: '20' } },
    );
    const closed = once(this.#child, 'close');
    const said = await text(must(this.#child.stderr, 'its errors'));
    await closed;
    this.#child = undefined;
    const known = new Map<number, boolean[]>();
    for (const name of (await readdir(folder)).filter((each) => each.startsWith('log'))) {
      for (const line of (await readFile(join(folder, name), 'utf8')).split('\n').slice(0, -1)) {
        const [client, , time] = line.split(' ');
        known.set(Number(client), [...(known.get(Number(client)) ?? []), /^\d+$/.test(time ?? '')]);
      }
      await rm(join(folder, name));
    }
    return { lines: known, said };
  }

  #tell(
    type: HistoryEvent['type'],
    client: number,
    at: number,
    ops: readonly MicroOp[],
    error?: string,
    atUs = nowUs(),
  ): void {
    this.#options.log({
      type,
      client,
      op: this.#ops[at] ?? 0,
      atUs,
      wallMs: nowMs(),
      isolation: 'read committed',
      ops: [...ops],
      ...(error === undefined ? {} : { error }),
    });
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await sleep(ms, signal);
  } catch (error) {
    // Told to stop meanwhile.
    if (!isTealError(error)) throw error;
  }
}
