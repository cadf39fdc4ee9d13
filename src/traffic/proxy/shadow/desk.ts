import { TealError } from '../../../kernel/errors.ts';
import { parseLsn } from '../../../model/lsn.ts';
import type { Side } from '../../../model/catalog.ts';
import { asPosition } from '../../../model/position.ts';
import { SideDesk } from '../side-desk.ts';
import type { AdminLogin, BackendTarget } from '../target.ts';
import { actingNames, reachingOutAfterCommit } from './acting-names.ts';
import type { VolatileFunctions } from './judge.ts';
import type { ShadowDesk } from './options.ts';

const volatileSql = `select p.proname, n.nspname = 'pg_catalog' from pg_catalog.pg_proc p
  join pg_catalog.pg_namespace n on n.oid = p.pronamespace
  where p.provolatile = 'v' and n.nspname not in ('information_schema', 'teal')`;
const writtenSql = 'select pg_catalog.pg_current_wal_insert_lsn()::text';
const appliedSql = 'select position from teal.progress where stream = $1';
const thereSql = `select pg_catalog.to_regclass('teal.progress') is not null`;

/** On connections of its own: a green that does not answer must not keep the proxy from asking who owns the data. */
export function shadowDesk(
  sides: Readonly<Record<Side, { readonly target: BackendTarget; readonly admin: AdminLogin }>>,
  migration: string,
  timeoutMs: number,
): ShadowDesk {
  const deskOf = ({ target, admin }: (typeof sides)[Side]): SideDesk => new SideDesk(target, admin, timeoutMs);
  const [blue, green] = [deskOf(sides.blue), deskOf(sides.green)];
  const stream = `${migration.replaceAll('-', '_')}_fwd`;
  return {
    async volatileFunctions() {
      return volatileOf(await blue.ask(volatileSql));
    },
    async actingNames(scratch) {
      if (scratch === undefined) return actingNames(green, []);
      const { target, admin } = sides.green;
      const desk = new SideDesk({ ...target, database: scratch }, admin, timeoutMs);
      try {
        await refuseSide(desk, scratch);
        return await actingNames(desk, reachingOutAfterCommit);
      } finally {
        desk.stop();
      }
    },
    async written() {
      const [row] = await blue.ask(writtenSql);
      return asPosition(
        parseLsn(row?.[0] ?? '')
          .toString(16)
          .toUpperCase()
          .padStart(16, '0'),
      );
    },
    async applied() {
      const [there] = await green.ask(thereSql);
      if (there?.[0] !== 't') return undefined;
      const [row] = await green.ask(appliedSql, [stream]);
      return typeof row?.[0] === 'string' ? asPosition(row[0]) : undefined;
    },
    stop() {
      blue.stop();
      green.stop();
    },
  };
}

/** What is committed to a side of a migration is there for good; and a copy with its fence takes nothing. */
async function refuseSide(desk: SideDesk, database: string): Promise<void> {
  const [row] = await desk.ask(`select pg_catalog.to_regnamespace('teal') is not null`);
  if (row?.[0] !== 't') return;
  throw new TealError('TEAL-TRAFFIC-070', `${database} has schema teal`, { database });
}

function volatileOf(rows: readonly (readonly (string | null)[])[]): VolatileFunctions {
  const names = (builtIn: 't' | 'f'): ReadonlySet<string> =>
    new Set(rows.filter((row) => row[1] === builtIn).map(([name]) => name ?? ''));
  return { builtIn: names('t'), own: names('f') };
}
