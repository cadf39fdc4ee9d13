import { mapCatalog } from '../mapping/map-catalog.ts';
import type { Mapping } from '../mapping/mapping.ts';
import type { MappingOptions } from '../mapping/options.ts';
import { isSameTarget, targetForms } from '../mapping/target-tables.ts';
import { tableKey, type Side, type TableName } from '../model/catalog.ts';
import { plainForms } from '../model/plain-forms.ts';
import type { SchemaForm } from '../model/schema-form.ts';
import type { TableSelection } from '../model/table-selection.ts';
import type { SchemaComparison, SchemaLook, SchemaMark, Schemas } from '../ports/schemas.ts';
import type { MysqlConnection } from '../systems/mysql/connection.ts';
import { readCatalog } from '../systems/mysql/inspect/catalog.ts';
import type { KeptSession as MysqlSession } from '../systems/mysql/kept-session.ts';
import { markOf } from '../systems/mysql/schema-mark.ts';
import type { PgConnection } from '../systems/postgres/connection.ts';
import type { KeptSession as PostgresSession } from '../systems/postgres/kept-session.ts';
import { publishedRelations } from '../systems/postgres/moving.ts';
import { readUnmoved } from '../systems/postgres/schema-eyes.ts';
import { readForms, readMark } from '../systems/postgres/schema-forms.ts';
import { readRefused } from '../systems/postgres/write-rights.ts';
import { selectedCatalog } from './kept-catalog.ts';
import { compareUnlike } from './unlike-schemas.ts';

export interface UnlikeSchemasOptions {
  readonly sessions: { readonly blue: MysqlSession; readonly green: PostgresSession };
  /** Which tables the migration is about, by their names on blue. */
  readonly tables: TableSelection;
  /** By the names of the side. */
  readonly selected: Readonly<Record<Side, (table: TableName) => boolean>>;
  /** The database that blue's address names, if it names one. */
  readonly database: string | undefined;
  /** As the migration began: by it a schema of blue becomes one of green, now as then. */
  readonly options: MappingOptions;
  /** What was made on green. */
  readonly mapping: Mapping;
  /** Of the flow back, on green. */
  readonly publication: string;
}

interface OfBlue {
  /** What green would be made as, if it were made now. */
  readonly forms: readonly SchemaForm[];
  readonly mark: SchemaMark;
}

/**
 * The schemas of a blue that is MySQL or MariaDB and of a green that is PostgreSQL: blue as it is now, translated as it was when the migration began, beside green. Tables, columns and
 * the types of columns are compared; what else there is (indexes, checks, defaults) is told by nobody, for the two write it in different words.
 */
export function unlikeSchemas(options: UnlikeSchemasOptions): Schemas {
  const { sessions, mapping } = options;
  const selected = options.selected.green;
  const begunWith = new Set(mapping.tables.map(({ target }) => tableKey(target)));
  const readBlue = async (): Promise<OfBlue> => sessions.blue.use(async (connection) => ofBlue(connection, options));
  const readGreen = async (): Promise<readonly SchemaForm[]> =>
    sessions.green.use(async (connection) => readForms(connection));
  const look = async (live: Side): Promise<SchemaLook & { readonly blue: OfBlue }> => {
    const [blue, green] = await Promise.all([readBlue(), readGreen()]);
    const unmoved = live === 'blue' ? cameLater(blue, begunWith) : await unpublished(options);
    return { ...compareSides(live, blue.forms, green, selected), unmoved, blue };
  };
  return {
    async look(live) {
      const { lacking, surplus, unmoved } = await look(live);
      return { lacking, surplus, unmoved };
    },
    async blocked(side) {
      return side === 'blue' ? sessions.blue.use(readWaiting) : [];
    },
    async lacking(live) {
      const [blue, green] = await Promise.all([readBlue(), readGreen()]);
      return compareSides(live, blue.forms, green, (table) => begunWith.has(tableKey(table))).lacking;
    },
    async compare(live): Promise<SchemaComparison> {
      // First: a change that comes in between is then seen by the fence.
      const ofGreen = await sessions.green.use(async (connection) => readMark(connection, selected));
      const { lacking, surplus, unmoved, blue } = await look(live);
      const refused = await sessions.green.use(async (connection) =>
        readRefused(connection, targetsOf(mapping), 'green'),
      );
      return { lacking, surplus, unmoved, objects: [], refused, mark: live === 'blue' ? blue.mark : ofGreen };
    },
  };
}

async function ofBlue(connection: MysqlConnection, options: UnlikeSchemasOptions): Promise<OfBlue> {
  const catalog = await readCatalog(connection, options.database);
  const now = mapCatalog(selectedCatalog(catalog, options.tables), options.options);
  return { forms: targetForms(now), mark: markOf(catalog, options.selected.blue) };
}

/** In green's names. Either side may be the live one: what rows of it need, and the other has not. */
function compareSides(
  live: Side,
  blue: readonly SchemaForm[],
  green: readonly SchemaForm[],
  selected: (table: TableName) => boolean,
): Pick<SchemaLook, 'lacking' | 'surplus'> {
  const [here, there] = live === 'blue' ? [blue, plainForms(green)] : [plainForms(green), blue];
  return compareUnlike(here, there, { side: live, selected, sameType: isSameTarget });
}

function cameLater({ forms }: OfBlue, begunWith: ReadonlySet<string>): readonly string[] {
  return forms
    .filter(({ kind, name }) => kind === 'table' && !begunWith.has(name))
    .map(({ name }) => `rows of ${name} do not move: blue got this table after the copy was prepared`);
}

async function unpublished({ sessions, publication, selected }: UnlikeSchemasOptions): Promise<readonly string[]> {
  return sessions.green.use(async (connection: PgConnection) =>
    readUnmoved(connection, publishedRelations(publication), selected.green, 'green'),
  );
}

function targetsOf({ tables }: Mapping): readonly TableName[] {
  return tables.map(({ target }) => target);
}

/** The copy's sessions keep definitions as they are, and so does anybody else's open transaction: the server names no holder. */
async function readWaiting(connection: MysqlConnection): Promise<readonly string[]> {
  const { rows } = await connection.query(
    `select id as id from information_schema.processlist where state = 'Waiting for table metadata lock' order by id limit 10`,
  );
  return rows.map(
    (row) =>
      `session ${row['id']} waits to change a table until the copy is done, and statements that come after it wait behind it`,
  );
}
