import type { Table } from '../../model/catalog.ts';
import type { Side } from '../../model/catalog.ts';
import type { Step, StepFacts } from '../../ports/step.ts';
import { withLockRetry, type PgConnection } from './connection.ts';
import type { KeptSession } from './kept-session.ts';
import { quoteTable } from './quote.ts';

const statementOf: Readonly<Record<Table['replicaIdentitySetting'], string>> = {
  default: 'default',
  nothing: 'nothing',
  full: 'full',
  // The index that was chosen is gone (else the table would have a usable identity): nothing to go back to but the default.
  index: 'default',
};

/**
 * Tables whose changes do not say which row they mean get REPLICA IDENTITY FULL. It must happen before they join a publication: a published table without an
 * identity refuses the application's own UPDATE and DELETE at once (correctness.md §1.2.2).
 */
export function identityStep(
  side: Side,
  session: KeptSession,
  tables: readonly Table[],
  wantsFull: WantsFull = lacksIdentity,
): Step {
  const wanting = wantingOf(tables, wantsFull);
  return {
    id: identityStepId(side),
    does:
      wanting.length === 0
        ? `finds that every table on ${side} says which row a change means`
        : `sets REPLICA IDENTITY FULL on ${tablesOf(wanting)} of ${side}${wantsFull === lacksIdentity ? ' without a usable key' : ''}: ${namesOf(wanting)}`,
    locks:
      wanting.length === 0 ? 'nothing' : 'ACCESS EXCLUSIVE on each of them for a moment; waits at most 500 ms a try',
    costs: wanting.length === 0 ? 'nothing' : 'their updates and deletes write the whole old row to the log',
    undone: 'each gets the identity back that it had',
    probe: async () => {
      const settings = await session.use(async (connection) => currentSettings(connection, wanting));
      const missing = wanting.filter((table) => settings.get(quoteTable(table)) !== 'full');
      return missing.length === 0
        ? { state: 'done', evidence: `${tablesOf(wanting)} with FULL` }
        : { state: 'not done' };
    },
    remember: async (): Promise<StepFacts> =>
      Object.fromEntries(await session.use(async (connection) => currentSettings(connection, wanting))),
    act: async () => {
      await session.use(async (connection) => {
        for (const table of wanting) await setIdentity(connection, quoteTable(table), 'full');
      });
    },
    undo: async ({ before = {} }) => {
      await session.use(async (connection) => {
        for (const [table, identity] of await notPutBack(connection, wanting, before))
          await setIdentity(connection, table, identity);
      });
    },
  };
}

export function identityStepId(side: Side): string {
  return `prepare:identity-${side}`;
}

/**
 * The end of `identityStep`: each table gets the identity back that `before` says (what that step remembered), once no publication needs another. Undefined where there
 * is nothing to put back.
 */
export function identityBackStep(
  side: Side,
  session: KeptSession,
  tables: readonly Table[],
  before: StepFacts | undefined,
  wantsFull: WantsFull = lacksIdentity,
): Step | undefined {
  const wanting = wantingOf(tables, wantsFull);
  if (wanting.length === 0) return undefined;
  const left = async (): Promise<ReadonlyMap<string, string>> =>
    session.use(async (connection) => notPutBack(connection, wanting, before ?? {}));
  return {
    id: `finalise:identity-${side}`,
    does: `gives ${tablesOf(wanting)} of ${side} the replica identity back that they had: ${namesOf(wanting)}`,
    locks: 'ACCESS EXCLUSIVE on each of them for a moment; waits at most 500 ms a try',
    costs: 'nothing',
    undone: 'not needed',
    probe: async () =>
      (await left()).size === 0 ? { state: 'done', evidence: `${tablesOf(wanting)} as before` } : { state: 'not done' },
    act: async () => {
      for (const [table, identity] of await left())
        await session.use(async (connection) => setIdentity(connection, table, identity));
    },
    undo: async () => undefined,
  };
}

/** Which tables are to say all of their old rows. */
export type WantsFull = (table: Table) => boolean;

export const lacksIdentity: WantsFull = ({ replicaIdentity }) => replicaIdentity.kind === 'nothing';

/** Types whose values are of one size: they are never stored apart from their row. */
const fixed =
  /^(boolean|smallint|integer|bigint|real|double precision|date|uuid|oid|money|interval|"char"|(time|timestamp)( ?\(\d\))?( with(out)? time zone)?)/;

/**
 * Where somebody else than Teal reads the log: of a value that is stored apart and did not change the log says only that, unless the old row is whole, and a reader puts a text in its
 * place.
 */
export const mayLeaveOut: WantsFull = (table) =>
  lacksIdentity(table) ||
  (table.replicaIdentity.kind !== 'full' && table.columns.some(({ type }) => !fixed.test(type)));

function wantingOf(tables: readonly Table[], wantsFull: WantsFull): readonly Table[] {
  return tables.filter((table) => table.kind === 'table' && wantsFull(table));
}

/** Tables that have FULL still, with the identity that they had. */
async function notPutBack(
  connection: PgConnection,
  tables: readonly Table[],
  before: StepFacts,
): Promise<ReadonlyMap<string, string>> {
  const now = await currentSettings(connection, tables);
  const left = new Map<string, string>();
  for (const [table, setting] of Object.entries(before)) {
    if (now.get(table) === 'full' && isSetting(setting) && setting !== 'full') left.set(table, statementOf[setting]);
  }
  return left;
}

function tablesOf({ length }: readonly Table[]): string {
  return length === 1 ? '1 table' : `${length} tables`;
}

function namesOf(tables: readonly Table[]): string {
  const names = tables.slice(0, 5).map((table) => `${table.schema}.${table.name}`);
  return tables.length > 5 ? `${names.join(', ')} and ${tables.length - 5} more` : names.join(', ');
}

function isSetting(value: unknown): value is Table['replicaIdentitySetting'] {
  return value === 'default' || value === 'nothing' || value === 'full' || value === 'index';
}

/** By quoted name. */
async function currentSettings(
  connection: PgConnection,
  tables: readonly Table[],
): Promise<ReadonlyMap<string, Table['replicaIdentitySetting']>> {
  const { rows } = await connection.query(
    `select format('"%s"."%s"', replace(n.nspname, '"', '""'), replace(c.relname, '"', '""')) as name,
            case c.relreplident when 'd' then 'default' when 'n' then 'nothing' when 'f' then 'full' else 'index' end as setting
     from pg_class c join pg_namespace n on n.oid = c.relnamespace
     join unnest($1::text[], $2::text[]) as wanted (schema, name) on wanted.schema = n.nspname and wanted.name = c.relname`,
    [tables.map((table) => table.schema), tables.map((table) => table.name)],
  );
  return new Map(rows.map((row) => [row['name'] ?? '', row['setting'] as Table['replicaIdentitySetting']]));
}

async function setIdentity(connection: PgConnection, table: string, identity: string): Promise<void> {
  await withLockRetry({}, async () =>
    connection.transaction(async () => {
      await connection.query(`set local lock_timeout = '500ms'`);
      await connection.query(`alter table ${table} replica identity ${identity}`);
    }),
  );
}
