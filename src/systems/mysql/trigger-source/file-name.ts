import type { TableName } from '../../../model/catalog.ts';
import { isAsciiText } from '../quote.ts';

/**
 * What InnoDB calls a table, before the `#` of its partitions (manual: "Mapping of Identifiers to File Names"): letters, digits and `_` as they are, each other character of ASCII by its
 * number. How letters beyond ASCII are written no function of MySQL tells: a name with such is a pattern, which others may match too.
 */
export function fileNameOf({ schema, name }: TableName): string | RegExp {
  const whole = [schema, name];
  if (whole.every(isAsciiText)) return whole.map(encoded).join('/');
  return new RegExp(`^${whole.map(patternOf).join('/')}$`);
}

function encoded(name: string): string {
  return name.replaceAll(/[^0-9A-Za-z_]/g, (letter) => `@${letter.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** A letter takes two characters after its `@`, or four digits; one beyond the basic plane two of these. */
function patternOf(name: string): string {
  return Array.from(name)
    .map((letter) => (isAsciiText(letter) ? encoded(letter) : '(@[0-9a-zA-Z]{2}([0-9a-f]{2})?){1,2}'))
    .join('');
}
