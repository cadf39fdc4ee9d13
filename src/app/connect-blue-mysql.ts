import { randomBytes } from 'node:crypto';
import { must } from '../kernel/assert.ts';
import type { Position } from '../model/position.ts';
import type { PathLook } from '../carriers/connect/path.ts';
import type { ConnectorOffsets } from '../carriers/connect/rest.ts';
import { readActingKeys, type ActingKeysOptions } from '../systems/mysql/acting-keys.ts';
import type { MysqlConnection } from '../systems/mysql/connection.ts';
import { KeptSession } from '../systems/mysql/kept-session.ts';
import { positionOf } from '../systems/mysql/position.ts';
import { beat, lookAtBinlog, readBeginning } from '../systems/mysql/source-probe.ts';
import { isTealTableThere } from '../systems/mysql/teal-schema.ts';
import { runName, type BlueEnd } from './connect-ends.ts';
import { readFirstPosition, writeFirstPosition } from './first-position.ts';
import { IdleSession } from './idle-session.ts';

export interface MysqlBlueOptions {
  readonly url: string;
  readonly stateDir: string;
  /** What moves. */
  readonly moved: ActingKeysOptions;
  /** Of the source of an attempt, as the cluster keeps them. */
  readonly offsets: (run: string) => Promise<ConnectorOffsets>;
}

const microseconds = (moment: string): string => `cast(unix_timestamp(${moment}) * 1000000 as unsigned)`;

/** A MySQL or MariaDB that a path reads. It keeps nothing for a reader: where that is, the cluster knows. */
export class MysqlBlue implements BlueEnd {
  readonly #options: MysqlBlueOptions;
  readonly #session: IdleSession<MysqlConnection>;

  constructor(options: MysqlBlueOptions) {
    this.#options = options;
    this.#session = new IdleSession(() => new KeptSession({ url: options.url, applicationName: 'teal path' }));
  }

  async run(): Promise<string> {
    return this.#session.use(async (connection) => {
      await connection.query('insert ignore into teal.meta (name, value) values (?, ?)', [
        runName,
        randomBytes(4).toString('hex'),
      ]);
      return must(await readRun(connection), 'the name of the attempt');
    });
  }

  async knownRun(): Promise<string | undefined> {
    return this.#session.use(async (connection) =>
      (await isTealTableThere(connection, 'meta')) ? readRun(connection) : undefined,
    );
  }

  async forgetRun(): Promise<void> {
    await this.#session.use(async (connection) => connection.query('delete from teal.meta where name = ?', [runName]));
  }

  /** Where another one has written meanwhile its time is told: it was committed behind this one. */
  async beat(): Promise<bigint> {
    return this.#session.use(async (connection) => {
      await beat(connection, 'blue');
      const { rows } = await connection.query(
        `select ${microseconds('at')} as at from teal.heartbeat where side = 'blue'`,
      );
      return BigInt(must(rows[0]?.['at'], 'the time of a heartbeat'));
    });
  }

  async look(): Promise<Omit<PathLook, 'heartbeatUs'>> {
    const run = await this.knownRun();
    const offsets = run === undefined ? [] : await this.#options.offsets(run);
    return this.#session.use(async (connection) => {
      const { rows } = await connection.query(`select ${microseconds('current_timestamp(6)')} as now`);
      const confirmed = placeOf(connection.flavour, offsets);
      const { head, retainedBytes, lagBytes = 0 } = await lookAtBinlog(connection, confirmed);
      return {
        nowUs: BigInt(must(rows[0]?.['now'], 'current_timestamp')),
        head,
        slot: 'none' as const,
        confirmed,
        retainedBytes,
        lagBytes,
      };
    });
  }

  async dropSlot(): Promise<void> {
    // There is nothing that the server would keep.
  }

  /** Written down for the worker, which asks the file and not the server. */
  async beginning(): Promise<Position> {
    const { stateDir, moved } = this.#options;
    const written = await readFirstPosition(stateDir, 'forward');
    if (written !== undefined) return written.position;
    const beginning = await this.#session.use(async (connection) => ({
      position: await readBeginning(connection, 'blue'),
      actingKeys: await readActingKeys(connection, moved),
    }));
    await writeFirstPosition(stateDir, 'forward', beginning);
    return beginning.position;
  }
}

/** As Debezium's sources of both write it. What was flushed last: the source itself is further by some moments. Undefined before anything was. */
export function placeOf(flavour: MysqlConnection['flavour'], offsets: ConnectorOffsets): Position | undefined {
  const { file, pos, gtids } = offsets[0]?.offset ?? {};
  if (typeof file !== 'string' || typeof pos !== 'number') return undefined;
  return positionOf(flavour, { file, offset: pos, gtids: typeof gtids === 'string' ? gtids : undefined });
}

async function readRun(connection: MysqlConnection): Promise<string | undefined> {
  const { rows } = await connection.query('select value as value from teal.meta where name = ?', [runName]);
  return rows[0]?.['value'] ?? undefined;
}
