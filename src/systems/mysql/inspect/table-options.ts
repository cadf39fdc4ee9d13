import { quoteIdent } from '../quote.ts';
import type { CatalogRows } from './catalog-sql.ts';

type Partition = CatalogRows['partitions'];

/** What makes a table more than a plain one, in the words of CREATE TABLE. */
export function tableOptions(
  table: Pick<CatalogRows['tables'], 'kind' | 'options'>,
  partitions: readonly Partition[],
): readonly string[] {
  const written = [...(table.options ?? '').matchAll(/(?:[^\s"'`]|"[^"]*"|'[^']*'|`[^`]*`)+/g)].map(([word]) => word);
  return [
    ...(table.kind === 'SYSTEM VERSIONED' ? ['WITH SYSTEM VERSIONING'] : []),
    ...written.filter((word) => word !== 'partitioned'),
    ...partitionClause(partitions),
  ];
}

/** `PARTITION BY RANGE (year(`at`)) (PARTITION `p0` VALUES LESS THAN (2024), …)`; parts of partitions by their method only. */
function partitionClause(partitions: readonly Partition[]): readonly string[] {
  const [first] = partitions;
  if (first === undefined) return [];
  const { method, expression, sub_method: subMethod, sub_expression: subExpression } = first;
  const within = subMethod === null ? '' : ` SUBPARTITION BY ${subMethod} (${subExpression ?? ''})`;
  // Each row is a subpartition where there are any: the partition's own words are said once.
  const own = new Map(partitions.map((partition) => [partition.name, partition]));
  const listed = [...own.values()].map((one) => `PARTITION ${quoteIdent(one.name)}${valuesOf(one)}`);
  return [`PARTITION BY ${method} (${expression ?? ''})${within} (${listed.join(', ')})`];
}

function valuesOf({ method, description }: Partition): string {
  if (description === null) return '';
  if (method.startsWith('RANGE')) return ` VALUES LESS THAN (${description})`;
  return method.startsWith('LIST') ? ` VALUES IN (${description})` : ` ${description}`;
}
