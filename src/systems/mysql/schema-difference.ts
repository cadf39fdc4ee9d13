import type { FormDifferences, FormSides } from '../../model/schema-form.ts';
import type { SchemaObject } from '../../ports/digester.ts';
import type { SchemaPart } from '../../ports/schema-driver.ts';
import { compareColumnForms } from './column-forms.ts';
import type { ColumnRule, SchemaShape } from './schema-shape.ts';

/** Pure: tables, columns and types. */
export function formDifferences(source: SchemaShape, target: SchemaShape, sides: FormSides): FormDifferences {
  const flavours = { source: source.flavour, target: target.flavour };
  return compareColumnForms(source.forms, target.forms, sides, flavours);
}

/** Pure: what columns that both have demand or give otherwise; sentences. */
export function ruleDifferences(source: SchemaShape, target: SchemaShape, sides: FormSides): readonly string[] {
  const there = new Map(target.rules.map((rule) => [rule.name, rule]));
  const words = ({ definition }: ColumnRule): string => (definition === '' ? 'plain' : definition);
  return source.rules.flatMap((rule) => {
    const found = there.get(rule.name);
    // Those that one side lacks are told as such.
    if (found === undefined) return [];
    const isMixed = source.flavour !== target.flavour;
    if (plainRule(found.definition, isMixed) !== plainRule(rule.definition, isMixed)) {
      return [`column ${rule.name} is ${words(rule)} on ${sides.source} and ${words(found)} on ${sides.target}`];
    }
    const differs = source.series === target.series && found.expression !== rule.expression;
    return differs ? [`the expression of column ${rule.name} is not the same on both sides`] : [];
  });
}

/** What is said of a column. Between the families: a text as the default of a large column is an expression to MySQL. */
export function plainRule(definition: string, isMixed: boolean): string {
  return isMixed ? definition.replace(/default (?:#\w+|by expression)/, 'default') : definition;
}

/** Kinds of objects that can make a statement fail, or act, where the source would not. */
const active = new Set<SchemaObject['kind']>(['constraint', 'trigger']);

/**
 * Pure: indexes, keys, checks, programs that the target lacks or has otherwise; sentences. What it has beyond is let pass where it can change no answer and refuse no statement (an
 * index, a view, a routine). Between the families checks are left out: MariaDB makes one of each JSON column, and names those of columns in its own way.
 */
export function objectDifferences(source: SchemaShape, target: SchemaShape, sides: FormSides): readonly string[] {
  const isMixed = source.flavour !== target.flavour;
  const counts = (object: SchemaObject): boolean => !isMixed || !object.definition.startsWith('check ');
  const [here, there] = [source, target].map(
    ({ objects }) => new Map(objects.filter(counts).map((object) => [`${object.kind} ${object.name}`, object])),
  );
  const lacking = [...(here ?? [])].flatMap(([name, object]) => {
    const found = there?.get(name);
    if (found === undefined) return [`${name} is only on ${sides.source}`];
    const varies = object.definitionVaries && source.series !== target.series;
    return varies || found.definition === object.definition ? [] : [`${name} is not the same on both sides`];
  });
  const surplus = [...(there ?? [])]
    .filter(([name, { kind, definition }]) => {
      const isUnique = kind === 'index' && definition.startsWith('UNIQUE');
      return here?.has(name) === false && (active.has(kind) || isUnique);
    })
    .map(([name]) => `${name} is only on ${sides.target}`);
  return [...lacking, ...surplus].sort();
}

/** Pure: what is not the same of these parts; sentences. Programs are made as they are, and compared at the cut. */
export function differencesOfParts(
  source: SchemaShape,
  target: SchemaShape,
  parts: readonly SchemaPart[],
  sides: FormSides,
): readonly string[] {
  const objects = (kind: SchemaObject['kind']): readonly string[] => {
    const only = (shape: SchemaShape): SchemaShape => ({
      ...shape,
      objects: shape.objects.filter((object) => object.kind === kind),
    });
    return objectDifferences(only(source), only(target), sides);
  };
  const { lacking, surplus } = formDifferences(source, target, sides);
  return [
    ...(parts.includes('tables') ? [...lacking, ...surplus, ...ruleDifferences(source, target, sides)] : []),
    ...(parts.includes('keys') ? objects('index') : []),
    ...(parts.includes('foreignKeys') ? objects('constraint') : []),
  ];
}
