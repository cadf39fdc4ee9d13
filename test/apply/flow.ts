import { randomBytes } from 'node:crypto';
import { waitFor } from '../../src/kernel/clock.ts';
import type { StreamEvent } from '../../src/model/change.ts';
import type { Side } from '../../src/model/catalog.ts';
import type { Position } from '../../src/model/position.ts';
import type { Flow } from '../../src/ports/carrier.ts';
import type { SinkProgress } from '../../src/ports/sink.ts';
import { createApplier, type Applier, type ApplierOptions } from '../../src/sync/applier.ts';
import { PgoutputDecoder } from '../../src/systems/postgres/change-decoder.ts';
import { connect } from '../../src/systems/postgres/connection.ts';
import { positionOfLsnText } from '../../src/systems/postgres/position.ts';
import { openPostgresSink } from '../../src/systems/postgres/sink/sink.ts';
import { installTealSchema } from '../../src/systems/postgres/teal-schema.ts';
import type { TestDatabase } from '../support/postgres.ts';
import { Feed } from './feed.ts';

/** Reads what a source's slot holds, as events, through the slot's SQL interface: no walsender, so that a test decides what arrives when. */
export class SlotReader {
  readonly #source: TestDatabase;
  readonly #slot: string;
  readonly #binary: boolean;
  readonly #decoder = new PgoutputDecoder();

  constructor(source: TestDatabase, slot: string, binary = false) {
    this.#source = source;
    this.#slot = slot;
    this.#binary = binary;
  }

  async read(): Promise<StreamEvent[]> {
    const rows = await this.#source.query(
      `select encode(data, 'hex') as data from pg_logical_slot_get_binary_changes($1, null, null,
         'proto_version', '1', 'publication_names', 'teal_test', 'messages', 'true', 'binary', $2)`,
      [this.#slot, String(this.#binary)],
    );
    return rows.flatMap((row) => this.#decoder.decode(Buffer.from(row['data'] ?? '', 'hex')) ?? []);
  }
}

export interface FlowOptions {
  readonly flow?: Flow;
  readonly migration?: string;
  readonly mode?: SinkProgress['mode'];
  /** Values come in binary form. */
  readonly binary?: boolean;
  readonly applier?: Partial<ApplierOptions>;
}

/** Settings under which the slot's SQL interface writes values as a walsender of Teal does. */
const textForms = `set extra_float_digits = 3; set datestyle = 'ISO'; set intervalstyle = 'postgres'; set bytea_output = 'hex'; set timezone = 'UTC'`;

/** A source with a slot, a target, and an applier between them that can be stopped and started. */
export class TestFlow implements AsyncDisposable {
  readonly source: TestDatabase;
  readonly target: TestDatabase;
  readonly migration: string;
  readonly stream: string;
  readonly slot: string;
  readonly #options: FlowOptions;
  readonly #reader: SlotReader;
  readonly #start: Position;
  #feed = new Feed();
  #running: { applier: Applier; stop: AbortController; ended: Promise<unknown> } | undefined;

  private constructor(
    source: TestDatabase,
    target: TestDatabase,
    start: Position,
    options: FlowOptions,
    names: { migration: string; stream: string; slot: string },
  ) {
    this.source = source;
    this.target = target;
    this.migration = names.migration;
    this.stream = names.stream;
    this.slot = names.slot;
    this.#options = options;
    this.#start = start;
    this.#reader = new SlotReader(source, names.slot, options.binary);
  }

  /** Tables must be there on both sides; all of the source's are published. */
  static async open(source: TestDatabase, target: TestDatabase, options: FlowOptions = {}): Promise<TestFlow> {
    const flow = options.flow ?? 'forward';
    const migration = options.migration ?? `t${randomBytes(5).toString('hex')}`;
    const stream = `${migration}_${flow === 'forward' ? 'fwd' : 'rev'}`;
    const slot = `teal_${stream}`;
    const sides: [Side, Side] = flow === 'forward' ? ['blue', 'green'] : ['green', 'blue'];
    for (const [at, side] of sides.entries()) {
      await using connection = await connect({ url: (at === 0 ? source : target).url, applicationName: 'teal test' });
      await installTealSchema(connection, side);
    }
    await source.query(
      `${textForms}; drop publication if exists teal_test; create publication teal_test for all tables`,
    );
    const rows = await source.query(`select lsn from pg_create_logical_replication_slot($1, 'pgoutput')`, [slot]);
    const start = positionOfLsnText(rows[0]?.['lsn'] ?? '');
    return new TestFlow(source, target, start, options, { migration, stream, slot });
  }

  /** Where it began: everything of the slot is after it. */
  get begin(): Position {
    return this.#start;
  }

  get feed(): Feed {
    return this.#feed;
  }

  get applier(): Applier {
    if (this.#running === undefined) throw new Error('the applier does not run');
    return this.#running.applier;
  }

  async start(): Promise<void> {
    const sink = await openPostgresSink({ url: this.target.url, stream: this.stream });
    const feed = (this.#feed = new Feed());
    const applier = createApplier({
      stream: this.stream,
      flow: this.#options.flow ?? 'forward',
      migration: this.migration,
      events: feed,
      sink,
      managed: () => true,
      initial: {
        applied: this.#start,
        mode: this.#options.mode ?? ((this.#options.flow ?? 'forward') === 'forward' ? 'live' : 'shadow'),
        epoch: 0,
        rogueTransactions: 0,
      },
      lookEveryMs: 50,
      ...this.#options.applier,
    });
    const stop = new AbortController();
    const ended = applier.run(stop.signal).then(
      () => undefined,
      (error: unknown) => error,
    );
    const close = async (): Promise<unknown> => {
      const error = await ended;
      await sink[Symbol.asyncDispose]();
      return error;
    };
    this.#running = { applier, stop, ended: close() };
  }

  /** The error that ended the applier; undefined when it was told to stop. */
  async ended(): Promise<unknown> {
    return this.#running?.ended;
  }

  async stop(): Promise<void> {
    this.#running?.stop.abort();
    await this.#running?.ended;
    this.#running = undefined;
  }

  /** Gives the applier what the source has written since, and waits until it has applied it. Answers the events. */
  async carry(): Promise<readonly StreamEvent[]> {
    const events = await this.#reader.read();
    this.#feed.push(events);
    const end = events.findLast((event) => event.kind === 'commit')?.end;
    if (end !== undefined) await this.reached(end);
    return events;
  }

  /** What the source has written since, without giving it to anybody. */
  async read(): Promise<StreamEvent[]> {
    return this.#reader.read();
  }

  async reached(end: Position): Promise<void> {
    const { applier } = this;
    await waitFor({ what: 'the applier', timeoutMs: 60_000, everyMs: 5 }, async () => {
      const { now, taken } = applier.status();
      if (now.state === 'failed') throw await this.ended();
      if (taken === undefined || taken < end) return undefined;
      const [row] = await this.target.query('select position from teal.progress where stream = $1', [this.stream]);
      // A transaction of which nothing is carried moves the position a little later.
      return (row?.['position'] ?? '') >= end || undefined;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await this.target.query('select pg_replication_origin_drop(roname) from pg_replication_origin where roname = $1', [
      `teal_${this.stream}`,
    ]);
  }
}

/** The rows of a table as text, ordered: what equality of two sides means. */
export async function rowsOf(db: TestDatabase, table: string): Promise<readonly string[]> {
  const rows = await db.query(`${textForms}; select t::text as row from ${table} t order by t::text collate "C"`);
  return rows.map((row) => row['row'] ?? '');
}
