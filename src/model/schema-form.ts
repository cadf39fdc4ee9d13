/**
 * A piece of a schema that rows depend on, in the database's own words: a table with what it is a partition of, a column or a composite type's attribute with its
 * type, a label of an enum. Names and definitions are qualified and quoted as SQL has them; never a default, which may hold a value.
 */
export interface SchemaForm {
  readonly kind: 'table' | 'column' | 'enum label' | 'attribute';
  /** Of the table or type that it belongs to, unquoted. */
  readonly schema: string;
  readonly of: string;
  readonly name: string;
  readonly definition: string;
}

/** Whose forms are compared, for the sentences. */
export interface FormSides {
  readonly source: string;
  readonly target: string;
}

export interface FormDifferences {
  /** What rows of the source need and the target has not, or has otherwise. */
  readonly lacking: readonly string[];
  /** What the target alone has. */
  readonly surplus: readonly string[];
}

/** Pure: one sentence a difference, in the order of the forms. What belongs to a table that is missing as a whole is not told again. */
export function compareForms(
  source: readonly SchemaForm[],
  target: readonly SchemaForm[],
  sides: FormSides,
): FormDifferences {
  const there = byIdentity(target);
  const here = byIdentity(source);
  const lacking: string[] = [];
  for (const form of source) {
    const found = there.get(identityOf(form));
    if (found === undefined) {
      if (!isPartOfAbsent(form, source, there)) lacking.push(`${sides.target} has no ${inWords(form)}`);
    } else if (found.definition !== form.definition) {
      lacking.push(
        `${form.kind} ${form.name} is ${form.definition} on ${sides.source} and ${found.definition} on ${sides.target}`,
      );
    }
  }
  const surplus = target
    .filter((form) => !here.has(identityOf(form)) && !isPartOfAbsent(form, target, here))
    .map((form) => `${inWords(form)} is on ${sides.target} alone`);
  return { lacking, surplus };
}

/** Whether a form belongs to a table of `all` that is not in `others` itself. */
function isPartOfAbsent(
  form: SchemaForm,
  all: readonly SchemaForm[],
  others: ReadonlyMap<string, SchemaForm>,
): boolean {
  if (form.kind !== 'column') return false;
  const table = all.find((each) => each.kind === 'table' && each.schema === form.schema && each.of === form.of);
  return table !== undefined && !others.has(identityOf(table));
}

function inWords({ kind, name, definition }: SchemaForm): string {
  return definition === '' || definition === kind ? `${kind} ${name}` : `${kind} ${name} (${definition})`;
}

function identityOf({ kind, name }: SchemaForm): string {
  return `${kind} ${name}`;
}

function byIdentity(forms: readonly SchemaForm[]): ReadonlyMap<string, SchemaForm> {
  return new Map(forms.map((form) => [identityOf(form), form]));
}
