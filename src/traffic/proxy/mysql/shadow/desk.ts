import { createHash } from 'node:crypto';
import { describeError, TealError } from '../../../../kernel/errors.ts';
import type { Side } from '../../../../model/catalog.ts';
import { asPosition, type Position } from '../../../../model/position.ts';
import type { AdminLogin } from '../../target.ts';
import { MysqlDesk } from '../desk.ts';
import type { MysqlTarget } from '../target.ts';
import {
  dropScratchAccount,
  inspectScratch,
  makeScratchAccount,
  type ScratchAccount,
  type ScratchFacts,
} from './scratch.ts';

/** What the proxy itself asks of the servers for shadow reads. Errors: TEAL-TRAFFIC-002, -003, -008. */
export interface MysqlShadowDesk {
  /** Names of stored and loaded functions of blue, lower case. */
  ownFunctions(): Promise<ReadonlySet<string>>;
  /** One side is MySQL and the other MariaDB. */
  isMixed(): Promise<boolean>;
  /** The end of blue's log. */
  written(): Promise<Position>;
  /** How far green has applied blue's log; undefined when nothing flows there. */
  applied(): Promise<Position | undefined>;
  /** Whether writes may be committed to a database of green's server. Errors: TEAL-TRAFFIC-140 to -142. */
  inspectScratch(database: string): Promise<ScratchFacts>;
  /** Who writes there, until it is dropped. Errors: TEAL-TRAFFIC-143. */
  makeScratchAccount(database: string): Promise<ScratchAccount>;
  /** Never throws. Nothing where none was made. */
  dropScratchAccount(): Promise<void>;
  stop(): void;
}

const storedSql = `select lower(routine_name) from information_schema.routines where routine_type = 'FUNCTION' and lower(routine_schema) not in ('mysql', 'sys', 'teal')`;
/** Those of a name like this are Teal's, and write to no side (systems/mysql/write-bypasses.ts). */
const scratchUser = (migration: string, place: number): string =>
  `teal_scratch_${createHash('sha256').update(migration).digest('hex').slice(0, 8)}_${place}`;
const loadedSql = 'select lower(name) from mysql.func';

/** On connections of its own: a green that does not answer must not keep the proxy from asking who owns the data. `place`: of this process among those of the proxy. */
export function mysqlShadowDesk(
  sides: Readonly<Record<Side, { readonly target: MysqlTarget; readonly admin: AdminLogin }>>,
  migration: string,
  timeoutMs: number,
  log: (event: string, facts: Readonly<Record<string, unknown>>) => void,
  place = 0,
): MysqlShadowDesk {
  const deskOf = ({ target, admin }: (typeof sides)[Side]): MysqlDesk => new MysqlDesk(target, admin, timeoutMs);
  const [blue, green] = [deskOf(sides.blue), deskOf(sides.green)];
  const stream = `teal_${migration.replaceAll('-', '_')}_fwd`;
  const user = scratchUser(migration, place);
  let isMade = false;
  const loaded = async (): Promise<readonly (readonly (string | null)[])[]> => {
    try {
      return await blue.rows(loadedSql);
    } catch (error) {
      log('loaded functions of blue are not known: reads that call one are compared', {
        because: describeError(error),
      });
      return [];
    }
  };
  return {
    async ownFunctions() {
      const rows = [...(await blue.rows(storedSql)), ...(await loaded())];
      return new Set(rows.map(([name]) => name ?? ''));
    },
    async isMixed() {
      return (await blue.greeted()).flavour !== (await green.greeted()).flavour;
    },
    async written() {
      const [row] = await blue.rows((await isNewer(blue)) ? 'show binary log status' : 'show master status');
      return positionOf(row?.[0] ?? '', row?.[1] ?? '');
    },
    async applied() {
      const [there] = await green.rows(
        `select count(*) from information_schema.tables where table_schema = 'teal' and table_name = 'stream'`,
      );
      if (there?.[0] !== '1') return undefined;
      const [row] = await green.rows(`select position from teal.stream where name = '${stream}'`);
      return typeof row?.[0] === 'string' ? asPosition(row[0]) : undefined;
    },
    async inspectScratch(database) {
      return inspectScratch(blue, green, database);
    },
    async makeScratchAccount(database) {
      isMade = true;
      return makeScratchAccount(green, database, user);
    },
    async dropScratchAccount() {
      if (!isMade) return;
      isMade = false;
      await dropScratchAccount(green, user, log);
    },
    stop() {
      blue.stop();
      green.stop();
    },
  };
}

/** MySQL 8.4 no longer knows SHOW MASTER STATUS, and 8.0 not yet its successor. */
async function isNewer(desk: MysqlDesk): Promise<boolean> {
  const { flavour, version } = await desk.greeted();
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return flavour === 'mysql' && (major > 8 || (major === 8 && minor >= 2));
}

/** As `src/systems/mysql/position.ts` writes a place without GTIDs: it orders before the same place with them. */
export function positionOf(file: string, offset: string): Position {
  const sequence = /\.(\d{1,10})$/.exec(file)?.[1];
  if (sequence === undefined || !/^\d{1,12}$/.test(offset))
    throw new TealError('TEAL-TRAFFIC-003', 'blue does not say where its binlog ends', { side: 'blue' });
  return asPosition(`${sequence.padStart(10, '0')}.${offset.padStart(12, '0')}`);
}
