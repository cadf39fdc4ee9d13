import { otherSide, tableKey, type Side, type TableName } from '../../model/catalog.ts';
import { compareForms, type FormDifferences, type SchemaForm } from '../../model/schema-form.ts';
import type { SchemaEyes, SchemaLook } from '../../ports/schemas.ts';
import type { PgConnection } from './connection.ts';
import { KeptSession } from './kept-session.ts';
import { readForms, readFormsLike, readNotMoving } from './schema-forms.ts';

export interface SchemaEyesOptions {
  readonly sourceUrl: string;
  readonly targetUrl: string;
  readonly applicationName: string;
  /** Which side the source is. */
  readonly side: Side;
  /** SQL: the tables whose rows the flow carries (moving.ts). */
  readonly moving: string;
  /** Tables of the migration, also those that came later. */
  readonly selected: (table: TableName) => boolean;
}

/** Two sessions of their own, opened when first needed: what the flow's own sessions do is not held up. */
export function openSchemaEyes(options: SchemaEyesOptions): SchemaEyes {
  const { applicationName, side, selected } = options;
  const source = new KeptSession({ url: options.sourceUrl, applicationName });
  const target = new KeptSession({ url: options.targetUrl, applicationName });
  const sides = { source: side, target: otherSide(side) };
  return {
    async lacking(forms) {
      const there = await target.use(async (connection) => readFormsLike(connection, forms));
      return compareForms(forms, there, sides).lacking;
    },
    async look(): Promise<SchemaLook> {
      const [ofSource, ofTarget] = await Promise.all([
        source.use(async (connection) => ({
          forms: await readForms(connection),
          unmoved: await readUnmoved(connection, options.moving, selected, side),
        })),
        target.use(readForms),
      ]);
      return { ...compareSelected(ofSource.forms, ofTarget, selected, side), unmoved: ofSource.unmoved };
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([source[Symbol.asyncDispose](), target[Symbol.asyncDispose]()]);
    },
  };
}

/** Tables that the migration is about, and types in their schemas. */
export function compareSelected(
  live: readonly SchemaForm[],
  other: readonly SchemaForm[],
  selected: (table: TableName) => boolean,
  side: Side,
): FormDifferences {
  const isOfTable = (form: SchemaForm): boolean => form.kind === 'table' || form.kind === 'column';
  const isSelected = (form: SchemaForm): boolean => selected({ schema: form.schema, name: form.of });
  const schemas = new Set(live.filter((form) => isOfTable(form) && isSelected(form)).map(({ schema }) => schema));
  const ours = (form: SchemaForm): boolean => (isOfTable(form) ? isSelected(form) : schemas.has(form.schema));
  return compareForms(live.filter(ours), other.filter(ours), { source: side, target: otherSide(side) });
}

/** Sentences of tables that came after it was said which ones move. */
export async function readUnmoved(
  connection: PgConnection,
  moving: string,
  selected: (table: TableName) => boolean,
  side: Side,
): Promise<readonly string[]> {
  const tables = await readNotMoving(connection, moving);
  return tables
    .filter(selected)
    .map((table) => `rows of ${tableKey(table)} do not move: ${side} got this table after the copy was prepared`);
}
