/** What the address names behind `#/`: a page, of one migration where several are served. */
export interface Place {
  readonly migration: string | undefined;
  readonly route: string;
}

/** `#/gates`, or `#/of/shop/gates`. Pure. */
export function placeOf(hash: string): Place {
  const [, name, route = ''] = /^#\/of\/([^/]+)(?:\/(.*))?$/.exec(hash) ?? [];
  if (name === undefined) return { migration: undefined, route: hash.replace(/^#\/?/, '') };
  return { migration: decoded(name), route };
}

/** The address of a page. Pure. */
export function hrefOf({ migration, route }: Place): string {
  return migration === undefined ? `#/${route}` : `#/of/${encodeURIComponent(migration)}/${route}`;
}

/** What is asked of all at one address, whatever is looked at. */
const ofAll: ReadonlySet<string> = new Set(['caller', 'sign-in', 'sign-out', 'migrations']);

/** The path at the API by which this is asked of the migration, or of the only one. Pure. */
export function pathOf(path: string, migration: string | undefined): string {
  const rest = path.replace(/^api\/v1\//, '');
  if (migration === undefined || ofAll.has(rest)) return path;
  return `api/v1/migrations/${encodeURIComponent(migration)}/${rest}`;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // An address that somebody typed: there is no migration of that name either.
    return text;
  }
}
