import { must } from '../../../kernel/assert.ts';
import type { PgConnection } from '../connection.ts';
import type { RelationMessage } from '../../../wire/postgres/pgoutput.ts';
import { parseRecordText } from '../../../wire/postgres/record-text.ts';
import { keySql } from './recorder.ts';
import { TealError } from '../../../kernel/errors.ts';
import type { TextCell } from '../../../wire/postgres/pgoutput-writer.ts';

/** How rows of a table are read that were written while it had these columns. */
export class Shape {
  readonly relation: Omit<RelationMessage, 'kind'>;
  /** Places of the columns that travel, among the fields of a row. */
  readonly #carried: readonly number[];
  readonly #fields: number;
  readonly #key: readonly number[];

  constructor(
    id: number,
    schema: string,
    name: string,
    columns: readonly KeptColumn[],
    key: readonly string[] | undefined,
  ) {
    this.#fields = columns.length;
    this.#carried = columns.flatMap(([, , , generated], place) => (generated ? [] : [place]));
    const carried = columns.filter(([, , , generated]) => !generated);
    // A key of which a column does not travel tells no row.
    const usable = key?.every((column) => carried.some(([each]) => each === column)) === true ? key : undefined;
    this.#key = carried.flatMap(([column], place) => (usable?.includes(column) === true ? [place] : []));
    this.relation = {
      id,
      schema,
      name,
      replicaIdentity: usable === undefined ? 'full' : 'default',
      columns: carried.map(([column, typeOid, typeModifier]) => ({
        name: column,
        typeOid,
        typeModifier,
        key: usable === undefined || usable.includes(column),
      })),
    };
  }

  /** Values of the columns that travel. Errors: TEAL-WIRE-001. */
  read(row: string): readonly TextCell[] {
    const fields = parseRecordText(row);
    if (fields.length !== this.#fields) {
      throw new TealError('TEAL-WIRE-001', 'a row with another number of values than its table has columns', {
        schema: this.relation.schema,
        table: this.relation.name,
        values: fields.length,
        columns: this.#fields,
      });
    }
    return this.#carried.length === fields.length ? fields : this.#carried.map((place) => fields[place] ?? null);
  }

  /** Without a key no two rows have the same. */
  isSameKey(before: readonly TextCell[], after: readonly TextCell[]): boolean {
    return this.#key.length > 0 && this.#key.every((place) => before[place] === after[place]);
  }
}

/** Name, number of the type, modifier of the type, whether the server computes it. */
type KeptColumn = readonly [string, number, number, boolean];

/** Shapes by table and form; the key is asked anew for each batch, as it may be another one by now. */
export class Shapes {
  readonly #known = new Map<string, { readonly shape: Shape; readonly key: string | null }>();

  get(relation: number, form: string): Shape {
    return must(this.#known.get(`${relation} ${form}`), 'the shape of a table').shape;
  }

  /** Reads those that these changes need. Errors: TEAL-SYSTEMS-040. */
  async read(connection: PgConnection, wanted: ReadonlyMap<string, { relation: number; form: string }>): Promise<void> {
    if (wanted.size === 0) return;
    const pairs = [...wanted.values()];
    const { rows } = await connection.query(
      `select distinct on (s.relation, s.shape) s.relation::int8 as relation, s.shape, s.schema, s.name, s.columns,
              case when exists (select from pg_class c where c.oid = s.relation) then ${keySql('s.relation')} else s.key end as key
         from teal.shapes s join unnest($1::int8[], $2::int8[]) as wanted (relation, shape) on wanted.relation::oid = s.relation and wanted.shape = s.shape`,
      [pairs.map(({ relation }) => String(relation)), pairs.map(({ form }) => form)],
    );
    for (const row of rows) {
      const [name, key] = [`${row['relation']} ${row['shape']}`, row['key'] ?? null];
      const known = this.#known.get(name);
      if (known !== undefined && known.key === key) continue;
      const columns = JSON.parse(row['columns'] ?? '[]') as KeptColumn[];
      const shape = new Shape(
        Number(row['relation']),
        row['schema'] ?? '',
        row['name'] ?? '',
        columns,
        key === null ? undefined : (JSON.parse(key) as string[]),
      );
      this.#known.set(name, { shape, key });
    }
    for (const name of wanted.keys()) {
      if (!this.#known.has(name))
        throw new TealError('TEAL-SYSTEMS-040', 'the columns of a recorded row are not recorded');
    }
  }
}
