import { must } from '../kernel/assert.ts';
import { isTealError } from '../kernel/errors.ts';
import type { Position } from '../model/position.ts';
import type { PathEnds, PathLook } from '../carriers/connect/path.ts';
import { connect as connectKafka } from '../systems/kafka/connection.ts';
import { Cluster } from '../systems/kafka/mirror/cluster.ts';
import { deleteTopics } from '../systems/kafka/topics/make-topic.ts';
import type { PgConnection } from '../systems/postgres/connection.ts';
import { lookAtForeignSink } from '../systems/postgres/foreign-sink.ts';
import { KeptSession } from '../systems/postgres/kept-session.ts';
import { openPostgresSink } from '../systems/postgres/sink/sink.ts';
import { IdleSession } from './idle-session.ts';

/** What a path asks of the side that it reads. */
export interface BlueEnd extends Pick<PathEnds, 'run' | 'knownRun' | 'forgetRun' | 'beat' | 'dropSlot'> {
  look(): Promise<Omit<PathLook, 'heartbeatUs'>>;
  /** Where Teal's own flow from blue begins, named as `flowNames` does. Blue is closed: what is before it is on green. The same answer each time, once it was given. */
  beginning(names: { readonly slot: string }): Promise<Position>;
}

export interface ConnectEndsOptions {
  readonly blue: BlueEnd;
  readonly greenUrl: string;
  /** `kafka://…`; without it topics stay. */
  readonly kafkaUrl?: string;
}

/** The name of the attempt, in `teal.meta` of blue. */
export const runName = 'connect_run';
const hasMeta = `select to_regclass('teal.meta') is not null as there`;

/** Both ends of a path into PostgreSQL, and whether its time is over. */
export class ConnectEnds implements PathEnds {
  readonly #options: ConnectEndsOptions;
  readonly #blue: BlueEnd;
  readonly #green: IdleSession<PgConnection>;
  #decided = false;

  constructor(options: ConnectEndsOptions) {
    this.#options = options;
    this.#blue = options.blue;
    this.#green = new IdleSession(() => new KeptSession({ url: options.greenUrl, applicationName: 'teal path' }));
  }

  /** Whether an owner row is on green: from then on nothing comes by this way any more. */
  async decided(): Promise<boolean> {
    this.#decided ||= await this.#green.use(
      async (connection) => (await hasTeal(connection)) && (await lookAtForeignSink(connection)).decided,
    );
    return this.#decided;
  }

  async run(): Promise<string> {
    return this.#blue.run();
  }

  async knownRun(): Promise<string | undefined> {
    return this.#blue.knownRun();
  }

  async forgetRun(): Promise<void> {
    await this.#blue.forgetRun();
  }

  async beat(): Promise<bigint> {
    return this.#blue.beat();
  }

  async look(): Promise<PathLook> {
    const { heartbeatUs } = await this.#green.use(lookAtForeignSink);
    return { ...(await this.#blue.look()), heartbeatUs };
  }

  async dropSlot(signal?: AbortSignal): Promise<void> {
    await this.#blue.dropSlot(signal);
  }

  async deleteTopics(topics: readonly string[], signal?: AbortSignal): Promise<void> {
    const { kafkaUrl } = this.#options;
    if (kafkaUrl === undefined) return;
    await using connection = await connectKafka({ url: kafkaUrl, clientId: 'teal', signal });
    await deleteTopics(new Cluster(connection), topics);
  }

  /**
   * Where Teal's own flow from blue begins when green owns the data: at a place that is taken now. Blue is closed, so that nobody can have written what is before it; it
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
    const applied = await this.#blue.beginning({ slot });
    const epoch = await this.#green.use(async (connection) => {
      const { rows } = await connection.query('select max(epoch) as epoch from teal.owner');
      return Number(must(rows[0]?.['epoch'], 'an owner row'));
    });
    await sink.progress({ applied, mode: 'shadow', epoch, rogueTransactions: 0 });
  }
}

/** Whether Teal works in a database of PostgreSQL. */
export async function hasTeal(connection: PgConnection): Promise<boolean> {
  const { rows } = await connection.query(hasMeta);
  return rows[0]?.['there'] === 't';
}
