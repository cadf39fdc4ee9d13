import { isDeepStrictEqual } from 'node:util';
import { TealError } from '../kernel/errors.ts';
import type { MigrationState } from '../journal/state.ts';
import type { MysqlCatalog } from '../model/mysql-catalog.ts';
import type { Spec } from '../spec/spec.ts';
import { assessMysqlToPostgres, assessMysqlTwins, mappingOptions } from './assess-mysql.ts';
import {
  keepCatalog,
  keepMapping,
  keptCatalog,
  keptMapping,
  selectedCatalog,
  type KeptMapping,
} from './kept-catalog.ts';
import type { LoadedSpec } from './load-spec.ts';
import { MysqlPair } from './mysql-pair.ts';
import { MysqlToPostgresPair } from './mysql-to-postgres-pair.ts';
import { hasBegun, recoverCommand, refuseBlockers, type Opening } from './opening.ts';
import type { Pair, PairToPlan } from './pair.ts';

/** `openPair` where blue is MySQL or MariaDB. A module of its own: whoever moves PostgreSQL would load its driver and the mapping for nothing. */
export async function openMysqlPair(opening: Opening, state: MigrationState): Promise<Pair> {
  if (opening.loaded.spec.green.system !== 'postgres')
    return mysqlTwins(opening.loaded, await mysqlCatalogOf(opening, state));
  return mysqlToPostgres(opening.loaded, await mappingOf(opening, state));
}

/** `pairToPlan` where blue is MySQL or MariaDB. */
export async function mysqlPairToPlan(loaded: LoadedSpec, signal: AbortSignal): Promise<PairToPlan> {
  const { spec } = loaded;
  if (spec.green.system !== 'postgres') {
    const { blue, green, assessment } = await assessMysqlTwins(spec, { profile: false, signal });
    const named = ({ identity: { kind, version } }: typeof blue): string => `${productName(kind)} ${version}`;
    return { pair: mysqlTwins(loaded, blue.catalog), assessment, blue: named(blue), green: named(green) };
  }
  const { blue, green, options, assessment } = await assessMysqlToPostgres(spec, { profile: false, signal });
  const pair = mysqlToPostgres(loaded, { catalog: blue.catalog, options });
  return {
    pair,
    assessment,
    blue: `${productName(blue.identity.kind)} ${blue.identity.version}`,
    green: `PostgreSQL ${green.identity.version}`,
  };
}

function productName(kind: 'mysql' | 'mariadb'): string {
  return kind === 'mariadb' ? 'MariaDB' : 'MySQL';
}

function mysqlTwins({ spec, stateDir }: LoadedSpec, whole: MysqlCatalog): Pair {
  const catalog = selectedCatalog(whole, spec.tables);
  const selected = new Set(catalog.tables);
  return new MysqlPair({ spec, stateDir, catalog, leftOut: whole.tables.filter((table) => !selected.has(table)) });
}

async function mysqlCatalogOf({ loaded, signal }: Opening, state: MigrationState): Promise<MysqlCatalog> {
  const { spec, stateDir } = loaded;
  const kept = hasBegun(state) ? keptCatalog(stateDir) : undefined;
  // As this function has kept it.
  if (kept !== undefined) return kept as MysqlCatalog;
  const { assessment, blue } = await assessMysqlTwins(spec, { profile: false, signal });
  refuseBlockers(assessment);
  keepCatalog(stateDir, blue.catalog);
  return blue.catalog;
}

function mysqlToPostgres({ spec, stateDir }: LoadedSpec, { catalog, options }: KeptMapping): Pair {
  return new MysqlToPostgresPair({
    spec,
    stateDir,
    catalog: selectedCatalog(catalog, spec.tables),
    mapping: options,
  });
}

async function mappingOf({ loaded, command, signal }: Opening, state: MigrationState): Promise<KeptMapping> {
  const { spec, stateDir } = loaded;
  const kept = hasBegun(state) ? keptMapping(stateDir) : undefined;
  if (kept === undefined) {
    const { assessment, blue, options } = await assessMysqlToPostgres(spec, { profile: false, signal });
    refuseBlockers(assessment);
    keepMapping(stateDir, { catalog: blue.catalog, options });
    return { catalog: blue.catalog, options };
  }
  // Clients wait for a recovery: it ends the cut by what the migration began with.
  if (command !== recoverCommand) refuseOtherMapping(spec, kept);
  return kept;
}

function refuseOtherMapping(spec: Spec, { options }: KeptMapping): void {
  const now: unknown = JSON.parse(JSON.stringify(mappingOptions(spec, options.postgresMajor, options.offences)));
  if (isDeepStrictEqual(now, options)) return;
  throw new TealError('TEAL-APP-007', '`mapping` is another one than it was when the migration began');
}
