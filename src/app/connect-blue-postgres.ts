import { randomBytes } from 'node:crypto';
import { must } from '../kernel/assert.ts';
import type { Position } from '../model/position.ts';
import type { PathLook } from '../carriers/connect/path.ts';
import { connect, type PgConnection } from '../systems/postgres/connection.ts';
import { KeptSession } from '../systems/postgres/kept-session.ts';
import { positionOfLsnText } from '../systems/postgres/position.ts';
import { createSlot, dropSlot, slotStatus } from '../systems/postgres/slot.ts';
import { bytesBetween } from '../systems/postgres/source-probe.ts';
import { hasTeal, runName, type BlueEnd } from './connect-ends.ts';
import { IdleSession } from './idle-session.ts';

export interface PostgresBlueOptions {
  readonly url: string;
  /** Of Debezium. */
  readonly slot: string;
}

const writeBeat = `
insert into teal.heartbeat (side, at) values ('blue', pg_catalog.clock_timestamp()) on conflict (side) do update set at = excluded.at
returning (extract(epoch from at) * 1000000)::int8 as at`;
const lookAtBlue = `
select pg_catalog.pg_current_wal_lsn() as head, (extract(epoch from pg_catalog.clock_timestamp()) * 1000000)::int8 as now`;

/** A PostgreSQL that a path reads. */
export class PostgresBlue implements BlueEnd {
  readonly #options: PostgresBlueOptions;
  readonly #session: IdleSession<PgConnection>;

  constructor(options: PostgresBlueOptions) {
    this.#options = options;
    this.#session = new IdleSession(() => new KeptSession({ url: options.url, applicationName: 'teal path' }));
  }

  async run(): Promise<string> {
    return this.#session.use(async (connection) => {
      await connection.query('insert into teal.meta (name, value) values ($1, $2) on conflict (name) do nothing', [
        runName,
        randomBytes(4).toString('hex'),
      ]);
      return must(await readRun(connection), 'the name of the attempt');
    });
  }

  async knownRun(): Promise<string | undefined> {
    return this.#session.use(async (connection) => ((await hasTeal(connection)) ? readRun(connection) : undefined));
  }

  async forgetRun(): Promise<void> {
    await this.#session.use(async (connection) => connection.query('delete from teal.meta where name = $1', [runName]));
  }

  async beat(): Promise<bigint> {
    const { rows } = await this.#session.use(async (connection) => connection.query(writeBeat));
    return BigInt(must(rows[0]?.['at'], 'the time of a heartbeat'));
  }

  async look(): Promise<Omit<PathLook, 'heartbeatUs'>> {
    return this.#session.use(async (connection) => {
      const { rows } = await connection.query(lookAtBlue);
      const head = positionOfLsnText(must(rows[0]?.['head'], 'pg_current_wal_lsn'));
      const status = await slotStatus(connection, this.#options.slot);
      const confirmed = status.state === 'absent' ? undefined : status.confirmed;
      return {
        nowUs: BigInt(must(rows[0]?.['now'], 'clock_timestamp')),
        head,
        slot: status.state === 'absent' || status.state === 'usable' ? status.state : 'invalidated',
        confirmed,
        retainedBytes: status.state === 'absent' ? undefined : status.retainedBytes,
        lagBytes: confirmed === undefined ? 0 : bytesBetween(confirmed, head),
      };
    });
  }

  async dropSlot(signal?: AbortSignal): Promise<void> {
    await this.#session.use(async (connection) =>
      dropSlot(connection, this.#options.slot, { terminateReader: true, signal }),
    );
  }

  /** At a slot that is made now, unless it was made already. */
  async beginning({ slot }: { readonly slot: string }): Promise<Position> {
    const found = await this.#session.use(async (connection) => slotStatus(connection, slot));
    if (found.state === 'usable') return must(found.confirmed, 'confirmed_flush_lsn of a logical slot');
    await using walsender = await connect({
      url: this.#options.url,
      applicationName: 'teal slot',
      replication: 'database',
    });
    const { consistentPoint } = await createSlot(walsender, slot, { lockTimeoutMs: 60_000, snapshot: 'nothing' });
    return consistentPoint;
  }
}

async function readRun(connection: PgConnection): Promise<string | undefined> {
  const { rows } = await connection.query('select value from teal.meta where name = $1', [runName]);
  return rows[0]?.['value'] ?? undefined;
}
