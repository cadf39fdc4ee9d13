import { otherSide, tableKey, type Side, type TableName } from '../model/catalog.ts';
import type { SchemaComparison, SchemaLook, Schemas } from '../ports/schemas.ts';
import { readColumnForms } from '../systems/mysql/column-forms.ts';
import type { MysqlConnection } from '../systems/mysql/connection.ts';
import type { KeptSession } from '../systems/mysql/kept-session.ts';
import { formDifferences, objectDifferences, ruleDifferences } from '../systems/mysql/schema-difference.ts';
import { readSchemaMark } from '../systems/mysql/schema-mark.ts';
import { narrowed, readShape, seriesOf, type SchemaShape } from '../systems/mysql/schema-shape.ts';

export interface MysqlSchemasOptions {
  readonly sessions: Readonly<Record<Side, KeptSession>>;
  /** Tables of the migration, also those that came later. */
  readonly selected: (table: TableName) => boolean;
  /** Those that were there when it began. */
  readonly managed: readonly TableName[];
  /** The database that blue's address names, if it names one. */
  readonly database: string | undefined;
}

/**
 * The two schemas of a migration between servers of this family, as a cut sees them. A binlog is of the whole server, so that rows of a table that came later arrive as well; but nobody
 * knows whether all of them did, and no comparison of rows looks there: it is told as `unmoved`.
 */
export function mysqlSchemas({ sessions, selected, managed, database }: MysqlSchemasOptions): Schemas {
  const begunWith = new Set(managed.map(tableKey));
  const isManaged = (table: TableName): boolean => begunWith.has(tableKey(table));
  const forms = async (side: Side, ours: (table: TableName) => boolean): Promise<SchemaShape> =>
    sessions[side].use(async (connection) => narrowed(await formsOnly(connection, database), ours));
  const look = async (live: Side, ours: (table: TableName) => boolean): Promise<SchemaLook> => {
    const [here, there] = await Promise.all([forms(live, ours), forms(otherSide(live), ours)]);
    return { ...formDifferences(here, there, sidesOf(live)), unmoved: cameLater(here, isManaged, live) };
  };
  return {
    look: async (live) => look(live, selected),
    blocked: async (side) => sessions[side].use(readWaiting),
    lacking: async (live) => (await look(live, isManaged)).lacking,
    async compare(live): Promise<SchemaComparison> {
      const sides = sidesOf(live);
      const whole = async (connection: MysqlConnection): Promise<SchemaShape> =>
        narrowed(await readShape(connection, database), selected);
      const [here, there] = await Promise.all([
        sessions[live].use(async (connection) => ({
          // First: a change that comes in between is then seen by the fence.
          mark: await readSchemaMark(connection, selected, database),
          shape: await whole(connection),
        })),
        sessions[otherSide(live)].use(whole),
      ]);
      return {
        ...formDifferences(here.shape, there, sides),
        unmoved: cameLater(here.shape, isManaged, live),
        objects: [...ruleDifferences(here.shape, there, sides), ...objectDifferences(here.shape, there, sides)],
        // A server that takes back what the account may do refuses the fence itself, before anybody waits for it.
        refused: [],
        mark: here.mark,
      };
    },
  };
}

function sidesOf(live: Side): { readonly source: Side; readonly target: Side } {
  return { source: live, target: otherSide(live) };
}

function cameLater(shape: SchemaShape, isManaged: (table: TableName) => boolean, live: Side): readonly string[] {
  return shape.forms
    .filter(({ kind, schema, of }) => kind === 'table' && !isManaged({ schema, name: of }))
    .map(({ name }) => `not all rows of ${name} are known to move: ${live} got this table after the copy was prepared`);
}

/** Two questions, where a whole look takes some twenty. */
async function formsOnly(connection: MysqlConnection, database: string | undefined): Promise<SchemaShape> {
  const { flavour } = connection;
  const forms = await readColumnForms(connection, database);
  return { flavour, series: seriesOf(connection), forms, rules: [], objects: [] };
}

/** The copy's sessions keep definitions as they are, and so does anybody else's open transaction: the server names no holder. */
async function readWaiting(connection: MysqlConnection): Promise<readonly string[]> {
  const { rows } = await connection.query(
    `select id as id from information_schema.processlist where state = 'Waiting for table metadata lock' order by id limit 10`,
  );
  return rows.map(
    ({ id }) =>
      `session ${id} waits to change a table until the copy is done, and statements that come after it wait behind it`,
  );
}
