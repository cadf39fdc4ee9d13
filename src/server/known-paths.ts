import { describedRoutes } from './named-routes.ts';

interface KnownPath {
  /** As the document has it: `/api/v1/commands/{id}`. */
  readonly path: string;
  readonly form: RegExp;
  readonly methods: readonly string[];
}

const known: readonly KnownPath[] = knownPaths();

/** The methods of a path, as the header Allow tells them; undefined where the API has no such path. */
export function methodsOf(path: string): readonly string[] | undefined {
  const methods = known.flatMap(({ form, methods: found }) => (form.test(path) ? found : []));
  return methods.length === 0 ? undefined : methods;
}

/** A path as the document has it, without what a client has put in: for a log. */
export function describedPath(path: string): string {
  return known.find(({ form }) => form.test(path))?.path ?? 'none of the API';
}

/** What can be read can be asked for its headers alone too. */
function knownPaths(): readonly KnownPath[] {
  const document = { method: 'get', path: '/openapi.json' };
  return [...describedRoutes(), document].map(({ method, path }) => ({
    path,
    form: new RegExp(`^${path.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/]+')}$`),
    methods: method === 'get' ? ['GET', 'HEAD'] : [method.toUpperCase()],
  }));
}
