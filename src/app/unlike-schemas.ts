import { otherSide, type Side, type TableName } from '../model/catalog.ts';
import type { Names } from '../model/name-map.ts';
import { plainForms } from '../model/plain-forms.ts';
import { compareForms, type SchemaForm } from '../model/schema-form.ts';
import type { SchemaEyes, SchemaLook } from '../ports/schemas.ts';
import { compareSelected } from '../systems/postgres/schema-eyes.ts';

/** What one side tells of its schema. Sessions of its own, opened when first needed. */
export interface FormsReader extends AsyncDisposable {
  all(): Promise<readonly SchemaForm[]>;
  /** Of those tables that the forms speak of. */
  like(forms: readonly SchemaForm[]): Promise<readonly SchemaForm[]>;
  /** Sentences: tables whose rows no flow carries from here. */
  unmoved(): Promise<readonly string[]>;
}

/** Whether a column of the target takes what a column of the source is, as far as names of types tell. */
export type SameType = (source: string, target: string) => boolean;

/** Two systems have no names of types in common: what takes a value is seen when it is written. */
export const anyType: SameType = () => true;

/** Two servers of the MySQL family: MariaDB keeps JSON as a LONGTEXT, and says so. */
export const sameMysqlType: SameType = (source, target) => jsonAsText(source) === jsonAsText(target);

function jsonAsText(type: string): string {
  return type === 'json' ? 'longtext' : type;
}

export interface UnlikeEyesOptions {
  readonly source: FormsReader;
  readonly target: FormsReader;
  /** Which side the source is. */
  readonly side: Side;
  /** Tables of the migration as the target calls them, also those that came later. */
  readonly selected: (table: TableName) => boolean;
  readonly sameType: SameType;
  readonly names: BothNames;
}

/** The names of each end of a flow, as the other has them. */
export interface BothNames {
  readonly ofSource: Names;
  readonly ofTarget: Names;
}

/**
 * The eyes of a flow between systems that describe themselves in other words: tables and columns are compared by name, types as `sameType` has it. What else a system has (enums and
 * composite types of PostgreSQL) is not looked at. All is told in the names of the target.
 */
export function openUnlikeEyes({ source, target, side, selected, sameType, names }: UnlikeEyesOptions): SchemaEyes {
  return {
    // They come with the stream, which is in the target's names already.
    async lacking(forms) {
      const wanted = plainForms(forms);
      const there = inWordsOf(wanted, plainForms(await target.like(wanted)), sameType);
      return compareForms(wanted, there, { source: side, target: otherSide(side) }).lacking;
    },
    async look(): Promise<SchemaLook> {
      const [here, there, unmoved] = await Promise.all([source.all(), target.all(), source.unmoved()]);
      const named = plainForms(here, names.ofSource);
      return { ...compareUnlike(named, withPlace(there, names.ofTarget), { side, selected, sameType }), unmoved };
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([source[Symbol.asyncDispose](), target[Symbol.asyncDispose]()]);
    },
  };
}

/** Pure: what `look` tells of two schemas, without what no flow carries. */
export function compareUnlike(
  source: readonly SchemaForm[],
  target: readonly SchemaForm[],
  { side, selected, sameType }: Pick<UnlikeEyesOptions, 'side' | 'selected' | 'sameType'>,
): Pick<SchemaLook, 'lacking' | 'surplus'> {
  const here = plainForms(source);
  return compareSelected(here, inWordsOf(here, plainForms(target), sameType), selected, side);
}

/** Without what the other side has no place for. */
function withPlace(forms: readonly SchemaForm[], names: Names): readonly SchemaForm[] {
  return plainForms(forms).filter((form) => plainForms([form], names).length > 0);
}

/** The target's forms with the source's own definition where theirs says the same: sentences then name the type that is wanted. */
function inWordsOf(
  source: readonly SchemaForm[],
  target: readonly SchemaForm[],
  sameType: SameType,
): readonly SchemaForm[] {
  const here = new Map(source.map((form) => [form.name, form]));
  return target.map((form) => {
    const found = here.get(form.name);
    return found !== undefined && sameType(found.definition, form.definition)
      ? { ...form, definition: found.definition }
      : form;
  });
}
