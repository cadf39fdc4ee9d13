import type { SchemaObject } from '../../../ports/digester.ts';
import { plainRule } from '../schema-difference.ts';
import type { ColumnRule, SchemaShape } from '../schema-shape.ts';

/**
 * Pure: what a certificate compares of a server beside rows: indexes, keys, checks, programs, sequences, and what columns demand or give by themselves. `betweenFamilies`: without what the two
 * families write in words of their own (checks, the expressions of defaults and of generated columns).
 */
export function comparedObjects(shape: SchemaShape, betweenFamilies: boolean): readonly SchemaObject[] {
  const objects = betweenFamilies
    ? shape.objects.filter(({ definition }) => !definition.startsWith('check '))
    : shape.objects;
  return [...shape.rules.flatMap((rule) => objectsOfRule(rule, betweenFamilies)), ...objects];
}

function objectsOfRule(rule: ColumnRule, betweenFamilies: boolean): readonly SchemaObject[] {
  const own = { kind: 'column', table: { schema: rule.schema, name: rule.of } } as const;
  const { name, expression } = rule;
  const definition = plainRule(rule.definition, betweenFamilies) || 'plain';
  return [
    { ...own, name, definition, definitionVaries: false },
    ...(expression === '' || betweenFamilies
      ? []
      : [{ ...own, name: `${name} (expression)`, definition: expression, definitionVaries: true }]),
  ];
}
