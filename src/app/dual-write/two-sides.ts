import { TealError } from '../../kernel/errors.ts';
import type { Side, TableName } from '../../model/catalog.ts';
import { namesFrom, type NameMap } from '../../model/name-map.ts';
import type { Repairer, RowProbe, SideAccess } from '../../ports/digester.ts';
import { translatedProbe, translatedRepairer, translatedSide, type SideNames } from '../../verify/translated-side.ts';
import { connect } from '../../systems/postgres/connection.ts';
import { readerSettings } from '../../systems/postgres/digest/reader.ts';
import { postgresRepairer } from '../../systems/postgres/digest/repair.ts';
import { postgresRowProbe } from '../../systems/postgres/digest/row-probe.ts';
import { postgresSide } from '../../systems/postgres/digest/side.ts';
import { outboxSystemOf } from '../outbox/address.ts';
import { alikeColumns } from './alike-columns.ts';

export interface TwoSidesOptions {
  readonly from: string;
  readonly to: string;
  /** Schemas (databases) of the first system, and what the second calls them where that is another name. */
  readonly schemas: Readonly<Record<string, string>>;
  /** By the names of the first. */
  readonly tables: readonly TableName[];
  readonly signal: AbortSignal;
}

/** One system as the reconciler asks it. */
interface End extends AsyncDisposable {
  readonly access: SideAccess;
  readonly probe: RowProbe;
  readonly repairer: Repairer;
}

/** Both, in the names of the first. */
export interface TwoSides extends AsyncDisposable {
  readonly live: End;
  readonly other: End;
}

/** The first system is blue. */
const urlsOf = ({ from, to }: TwoSidesOptions): Readonly<Record<Side, string>> => ({ blue: from, green: to });

/** Errors: TEAL-DUALWRITE-010 columns whose values are written otherwise there, those of a session. */
export async function openTwoSides(options: TwoSidesOptions): Promise<TwoSides> {
  await using stack = new AsyncDisposableStack();
  const names = namesOf(options.schemas);
  const isBoolean = await booleansOf(options, names);
  const open = async (side: Side): Promise<End> => stack.use(await openEnd(side, options, isBoolean));
  const live = await open('blue');
  const other = inNames(await open('green'), names);
  const kept = stack.move();
  return Object.freeze({ live, other, [Symbol.asyncDispose]: async () => kept.disposeAsync() });
}

function namesOf(schemas: TwoSidesOptions['schemas']): SideNames {
  const map: NameMap = {
    schemas: Object.entries(schemas).map(([blue, green]) => ({ blue, green })),
    tables: [],
  };
  return { ofSide: namesFrom('green', map), ofOther: namesFrom('blue', map) };
}

function inNames({ access, probe, repairer, ...rest }: End, names: SideNames): End {
  return {
    ...rest,
    access: translatedSide(access, names),
    probe: translatedProbe(probe, names),
    repairer: translatedRepairer(repairer, names),
  };
}

type IsBoolean = (table: TableName, column: string) => boolean;

async function openEnd(side: Side, options: TwoSidesOptions, isBoolean: IsBoolean): Promise<End> {
  const url = urlsOf(options)[side];
  if (outboxSystemOf(url) === 'postgres') return openPostgres(side, url, options.signal);
  // Its driver and what knows its types are not loaded for two PostgreSQL.
  const { openMysqlEnd } = await import('./mysql-end.ts');
  const isOfFamily = Object.values(urlsOf(options)).every((each) => outboxSystemOf(each) === 'mysql');
  return openMysqlEnd({ side, url, isBoolean, isOfFamily, signal: options.signal });
}

async function openPostgres(side: Side, url: string, signal: AbortSignal): Promise<End> {
  const settings = { applicationName: 'teal reconcile', extraOptions: readerSettings };
  const connection = await connect({ url, ...settings, signal });
  return {
    access: postgresSide({ side, url }),
    probe: postgresRowProbe(connection),
    repairer: postgresRepairer({ url }),
    [Symbol.asyncDispose]: async () => connection.close(),
  };
}

const never: IsBoolean = () => false;

/** Where one of both is MySQL or MariaDB and the other PostgreSQL: which of its numbers are truth values there. */
async function booleansOf(options: TwoSidesOptions, names: SideNames): Promise<IsBoolean> {
  const urls = urlsOf(options);
  const mysql = outboxSystemOf(urls.blue) === 'mysql' ? 'blue' : 'green';
  const postgres = mysql === 'blue' ? 'green' : 'blue';
  if (outboxSystemOf(urls[mysql]) !== 'mysql' || outboxSystemOf(urls[postgres]) !== 'postgres') return never;
  const { describeMysql } = await import('./mysql-end.ts');
  const side = postgresSide({ side: postgres, url: urls[postgres] });
  const { major } = await side.facts();
  // By the names of MySQL, of whose server the columns are asked.
  const inMysqlNames = mysql === 'blue' ? names : { ofSide: names.ofOther, ofOther: names.ofSide };
  const catalog = await translatedSide(side, inMysqlNames).describe();
  const tables = mysql === 'blue' ? options.tables : options.tables.map((table) => names.ofOther.table(table) ?? table);
  const { unlike, isBoolean } = alikeColumns(
    await describeMysql(urls[mysql], options.signal),
    { catalog, major },
    tables,
  );
  if (unlike.length > 0)
    throw new TealError('TEAL-DUALWRITE-010', `columns of another type: ${unlike.join(', ')}`, { columns: unlike });
  return isBoolean;
}
