import { TealError } from '../kernel/errors.ts';
import type { Side } from '../model/catalog.ts';
import { familyOf } from '../spec/families.ts';
import type { Spec } from '../spec/spec.ts';
import { familyOfCapture, type CaptureFamily } from '../traffic/proxy/capture/format.ts';
import { MysqlDesk } from '../traffic/proxy/mysql/desk.ts';
import { mysqlSessions } from '../traffic/proxy/mysql/replay/session.ts';
import { readMysqlTarget } from '../traffic/proxy/mysql/target.ts';
import type { SideEvidence } from '../traffic/proxy/owner.ts';
import type { OpenSession } from '../traffic/proxy/replay/player.ts';
import { postgresSessions } from '../traffic/proxy/replay/postgres-session.ts';
import type { CaptureSummary } from '../traffic/proxy/replay/summary.ts';
import { SideDesk } from '../traffic/proxy/side-desk.ts';
import { readTarget } from '../traffic/proxy/target.ts';

/** What is asked of a side before a replay, and while it goes on. */
export interface ReplayDesk {
  /** Never throws. */
  evidence(): Promise<SideEvidence>;
  /** Equal for two addresses that lead to the same place. */
  identity(): Promise<string>;
  /** A flow of Teal's is there. */
  isFollowed(): Promise<boolean>;
  stop(): void;
}

/** What of a replay is of one family of systems. */
export interface ReplayFamily {
  /** What an address names, and what tells there that a flow is. */
  readonly place: string;
  readonly mark: string;
  /** Errors of what a read-only transaction refuses. */
  readonly refusedWrites: readonly string[];
  /** Errors of a text that is no value of its type. */
  readonly noValues: readonly string[];
  sessions(side: Side, url: string): OpenSession;
  desk(side: Side, url: string): ReplayDesk;
}

const deskLimitMs = 10_000;

const postgres: ReplayFamily = {
  place: 'database',
  mark: 'schema teal',
  refusedWrites: ['25006'],
  noValues: ['22P02', '22007', '22008', '22003', '22P03'],
  sessions: (side, url) => postgresSessions(readTarget(side, url)),
  desk(side, url) {
    const { target, admin } = readTarget(side, url);
    const desk = new SideDesk(target, admin, deskLimitMs);
    const identitySql = `select (select system_identifier::text from pg_catalog.pg_control_system()), pg_catalog.current_database()`;
    return {
      evidence: async () => desk.evidence(),
      identity: async () => String((await desk.ask(identitySql))[0]),
      isFollowed: async () => (await desk.ask(`select pg_catalog.to_regnamespace('teal') is not null`))[0]?.[0] !== 'f',
      stop: () => desk.stop(),
    };
  },
};

const mysql: ReplayFamily = {
  place: 'server',
  mark: 'a database teal',
  // ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION, and what read_only says.
  refusedWrites: ['1792', '1290', '1836'],
  // A value that is none of its column, its setting or its function, a date, JSON or character set that is none.
  noValues: ['1264', '1292', '1366', '1411', '1525', '1115', '1231', '1273', '3140', '3141'],
  sessions: (side, url) => mysqlSessions(readMysqlTarget(side, url)),
  desk(side, url) {
    const { target, admin } = readMysqlTarget(side, url);
    const desk = new MysqlDesk(target, admin, deskLimitMs);
    return {
      evidence: async () => desk.evidence(),
      // Databases are named by clients, so that the server is the place. A copy of its files has its UUID too.
      identity: async () => String((await desk.rows('select @@hostname, @@port, @@datadir'))[0]),
      isFollowed: async () =>
        (
          await desk.rows(`select count(*) from information_schema.schemata where lower(schema_name) = 'teal'`)
        )[0]?.[0] !== '0',
      stop: () => desk.stop(),
    };
  },
};

const families: Readonly<Record<CaptureFamily, ReplayFamily>> = { postgres, mysql };
const schemes: Readonly<Record<CaptureFamily, RegExp>> = {
  postgres: /^postgres(?:ql)?:/,
  mysql: /^(?:mysql|mariadb):/,
};

/** Errors: TEAL-APP-070 where the capture, the migration and the address are not of one family. */
export function replayFamilyOf(
  spec: Pick<Spec, 'blue'>,
  { header }: Pick<CaptureSummary, 'header'>,
  url: string,
): ReplayFamily {
  const family = familyOfCapture(header);
  if (familyOf(spec.blue.system) === family && schemes[family].test(url)) return families[family];
  const of = family === 'postgres' ? 'PostgreSQL' : 'MySQL or MariaDB';
  throw new TealError('TEAL-APP-070', `the capture is of clients of ${of}, and is put to such a server alone`);
}
