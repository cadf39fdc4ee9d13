/** The merge patch (RFC 7386) that makes `to` of `from`. Lists are replaced whole; a null in `to` cannot be said by one, and is left out. */
export function mergeChange(from: object, to: object): Record<string, unknown> {
  const before = new Map<string, unknown>(Object.entries(from));
  const after = new Map<string, unknown>(Object.entries(to).filter(([, value]) => value !== null));
  const gone = [...before.keys()].filter((key) => !after.has(key)).map((key) => [key, null] as const);
  const changed = [...after].flatMap(([key, value]) => {
    const old = before.get(key);
    if (isObject(old) && isObject(value)) {
      const within = mergeChange(old, value);
      return Object.keys(within).length === 0 ? [] : [[key, within] as const];
    }
    return JSON.stringify(old) === JSON.stringify(value) ? [] : [[key, value] as const];
  });
  return Object.fromEntries([...gone, ...changed]);
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
