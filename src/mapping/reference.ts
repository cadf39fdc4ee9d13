import { parseType } from '../model/mysql-type.ts';
import { checkMeanings, checksFor } from './data-checks.ts';
import { cell } from './document.ts';
import { pgName } from './quote.ts';
import { typeRules, type TypeRule } from './type-rules.ts';

/** The rules for types as a table of Markdown, in the order in which they are asked. */
export function typeRulesTable(): string {
  const rows = typeRules.map((rule) => {
    const checks = checksOf(rule).map((check) => checkMeanings[check]);
    const cells = [rule.name, rule.source, rule.target, guardOf(rule), checks.join('; '), rule.loss.join(' ')];
    return `| ${cells.map(cell).join(' | ')} |`;
  });
  return [
    '| rule | MySQL, MariaDB | PostgreSQL | kept to by a CHECK, here of a column `c` | looked for in the data before | what can be lost |',
    '|---|---|---|---|---|---|',
    ...rows,
  ].join('\n');
}

function checksOf(rule: TypeRule): ReturnType<typeof checksFor> {
  const type = parseType(rule.example);
  return checksFor(type, rule.targetType(type));
}

function guardOf(rule: TypeRule): string {
  const guard = rule.guard?.(parseType(rule.example), pgName('c'));
  return guard === undefined ? '' : `\`${guard.replaceAll('"c"', 'c')}\``;
}
