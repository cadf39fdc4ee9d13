/** What stands at a JSON pointer (RFC 6901): `/checks/0/state`; the empty one is the whole. Undefined when nothing does, which no JSON value is. */
export function atPointer(document: unknown, pointer: string): unknown {
  let value = document;
  for (const token of pointer.split('/').slice(1)) {
    const key = token.replaceAll('~1', '/').replaceAll('~0', '~');
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
    // Elements of a list have one name each: no sign, no leading zero, and its length is none of them.
    if (Array.isArray(value) && !/^(0|[1-9]\d*)$/.test(key)) return undefined;
    value = Reflect.get(value, key);
  }
  return value;
}
