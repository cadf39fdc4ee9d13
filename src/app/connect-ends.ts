import { randomBytes } from 'node:crypto';
import { must } from '../kernel/assert.ts';
import { isTealError } from '../kernel/errors.ts';
import type { PathEnds, PathLook } from '../carriers/connect/path.ts';
import { connect as connectKafka } from '../systems/kafka/connection.ts';
import { Cluster } from '../systems/kafka/mirror/cluster.ts';
import { deleteTopics } from '../systems/kafka/topics/make-topic.ts';
import { connect, type PgConnection } from '../systems/postgres/connection.ts';
import { lookAtForeignSink } from '../systems/postgres/foreign-sink.ts';
import { positionOfLsnText } from '../systems/postgres/position.ts';
import { createSlot, dropSlot, slotStatus } from '../systems/postgres/slot.ts';
import { openPostgresSink } from '../systems/postgres/sink/sink.ts';
import { bytesBetween } from '../systems/postgres/source-probe.ts';
import { IdleSession } from './idle-session.ts';

export interface ConnectEndsOptions {
  readonly blueUrl: string;
  readonly greenUrl: string;
  /** Of Debezium. */
  readonly slot: string;
  /** `kafka://…`; without it topics stay. */
  readonly kafkaUrl?: string;
}

const runName = 'connect_run';
const hasMeta = `select to_regclass('teal.meta') is not null as there`;
const writeBeat = `
insert into teal.heartbeat (side, at) values ('blue', pg_catalog.clock_timestamp()) on conflict (side) do update set at = excluded.at
returning (extract(epoch from at) * 1000000)::int8 as at`;
const lookAtBlue = `
select pg_catalog.pg_current_wal_lsn() as head, (extract(epoch from pg_catalog.clock_timestamp()) * 1000000)::int8 as now`;

/** Both ends of a path between two PostgreSQL databases, and whether its time is over. */
export class ConnectEnds implements PathEnds {
  readonly #options: ConnectEndsOptions;
  readonly #blue: IdleSession;
  readonly #green: IdleSession;
  #decided = false;

  constructor(options: ConnectEndsOptions) {
    this.#options = options;
    this.#blue = new IdleSession({ url: options.blueUrl, applicationName: 'teal path' });
    this.#green = new IdleSession({ url: options.greenUrl, applicationName: 'teal path' });
  }

  /** Whether an owner row is on green: from then on nothing comes by this way any more. */
  async decided(): Promise<boolean> {
    this.#decided ||= await this.#green.use(
      async (connection) => (await hasTeal(connection)) && (await lookAtForeignSink(connection)).decided,
    );
    return this.#decided;
  }

  async run(): Promise<string> {
    return this.#blue.use(async (connection) => {
      await connection.query('insert into teal.meta (name, value) values ($1, $2) on conflict (name) do nothing', [
        runName,
        randomBytes(4).toString('hex'),
      ]);
      return must(await readRun(connection), 'the name of the attempt');
    });
  }

  async knownRun(): Promise<string | undefined> {
    return this.#blue.use(async (connection) => ((await hasTeal(connection)) ? readRun(connection) : undefined));
  }

  async forgetRun(): Promise<void> {
    await this.#blue.use(async (connection) => connection.query('delete from teal.meta where name = $1', [runName]));
  }

  async beat(): Promise<bigint> {
    const { rows } = await this.#blue.use(async (connection) => connection.query(writeBeat));
    return BigInt(must(rows[0]?.['at'], 'the time of a heartbeat'));
  }

  async look(): Promise<PathLook> {
    const { heartbeatUs } = await this.#green.use(lookAtForeignSink);
    return this.#blue.use(async (connection) => {
      const { rows } = await connection.query(lookAtBlue);
      const head = positionOfLsnText(must(rows[0]?.['head'], 'pg_current_wal_lsn'));
      const status = await slotStatus(connection, this.#options.slot);
      const confirmed = status.state === 'absent' ? undefined : status.confirmed;
      return {
        nowUs: BigInt(must(rows[0]?.['now'], 'clock_timestamp')),
        heartbeatUs,
        head,
        slot: status.state === 'absent' || status.state === 'usable' ? status.state : 'invalidated',
        confirmed,
        retainedBytes: status.state === 'absent' ? undefined : status.retainedBytes,
        lagBytes: confirmed === undefined ? 0 : bytesBetween(confirmed, head),
      };
    });
  }

  async dropSlot(signal?: AbortSignal): Promise<void> {
    await this.#blue.use(async (connection) =>
      dropSlot(connection, this.#options.slot, { terminateReader: true, signal }),
    );
  }

  async deleteTopics(topics: readonly string[], signal?: AbortSignal): Promise<void> {
    const { kafkaUrl } = this.#options;
    if (kafkaUrl === undefined) return;
    await using connection = await connectKafka({ url: kafkaUrl, clientId: 'teal', signal });
    await deleteTopics(new Cluster(connection), topics);
  }

  /**
   * Where Teal's own flow from blue begins when green owns the data: at a slot that is made now. Blue is closed, so that nobody can have written what is before it; it
   * begins in shadow. Idempotent. Errors: TEAL-SYNC-119 it runs already.
   */
  async prepareShadow({ slot, stream }: { readonly slot: string; readonly stream: string }): Promise<void> {
    await using sink = await openPostgresSink({ url: this.#options.greenUrl, stream });
    try {
      await sink.progress();
      return;
    } catch (error) {
      if (!isTealError(error, 'TEAL-SYNC-118')) throw error;
    }
    const applied = await this.#slotPosition(slot);
    const epoch = await this.#green.use(async (connection) => {
      const { rows } = await connection.query('select max(epoch) as epoch from teal.owner');
      return Number(must(rows[0]?.['epoch'], 'an owner row'));
    });
    await sink.progress({ applied, mode: 'shadow', epoch, rogueTransactions: 0 });
  }

  async #slotPosition(slot: string): Promise<ReturnType<typeof positionOfLsnText>> {
    const found = await this.#blue.use(async (connection) => slotStatus(connection, slot));
    if (found.state === 'usable') return must(found.confirmed, 'confirmed_flush_lsn of a logical slot');
    await using walsender = await connect({
      url: this.#options.blueUrl,
      applicationName: 'teal slot',
      replication: 'database',
    });
    const { consistentPoint } = await createSlot(walsender, slot, { lockTimeoutMs: 60_000, snapshot: 'nothing' });
    return consistentPoint;
  }
}

async function hasTeal(connection: PgConnection): Promise<boolean> {
  const { rows } = await connection.query(hasMeta);
  return rows[0]?.['there'] === 't';
}

async function readRun(connection: PgConnection): Promise<string | undefined> {
  const { rows } = await connection.query('select value from teal.meta where name = $1', [runName]);
  return rows[0]?.['value'] ?? undefined;
}
