import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import type { SchemaReference } from '../../../../model/schema-registry.ts';

export interface KeptVersion {
  readonly id: number;
  readonly schema: string;
  readonly schemaType?: string;
  readonly references?: readonly SchemaReference[];
  isDeleted?: boolean;
}

export interface RegistryServer extends AsyncDisposable {
  /** With its user and password. */
  readonly url: string;
  readonly subjects: Map<string, Map<number, KeptVersion>>;
  readonly modes: Map<string, string>;
  readonly configs: Map<string, string>;
  /** Method and path of all that was asked to change something. */
  readonly changes: string[];
  /** Answers this status to what it is true of, instead of doing it. */
  refuse: (request: string) => number | undefined;
}

interface Asked {
  readonly method: string;
  readonly path: readonly string[];
  readonly query: URLSearchParams;
  readonly body: Readonly<Record<string, unknown>>;
}

type Answered = readonly [status: number, body: unknown];

/**
 * Answers as the API reference of Confluent's schema registry 7 says, as far as a copy asks it: soft deletion, modes of subjects, ids and versions that are taken in IMPORT mode alone, references that must be
 * there. No registry that knows that mode can be had where tests run.
 */
export async function openRegistry(user = 'teal', password = 'p%/w'): Promise<RegistryServer> {
  const state = { subjects: new Map<string, Map<number, KeptVersion>>(), modes: new Map(), configs: new Map() };
  const changes: string[] = [];
  const wanted = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
  const server = createServer((request, response) => {
    void (async () => {
      const url = new URL(request.url ?? '/', 'http://registry');
      const text = (await buffer(request)).toString('utf8');
      const method = request.method ?? 'GET';
      const asked: Asked = {
        method,
        path: url.pathname.slice(1).split('/').map(decodeURIComponent),
        query: url.searchParams,
        body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>),
      };
      const line = `${method} ${url.pathname}${url.search}`;
      const refused = registry.refuse(line);
      if (method !== 'GET') changes.push(line);
      const [status, body]: Answered =
        request.headers.authorization !== wanted
          ? [401, { error_code: 401, message: 'Unauthorized' }]
          : refused === undefined
            ? answer(state, asked)
            : [refused, { error_code: refused, message: 'as the test says' }];
      response
        .writeHead(status, { 'content-type': 'application/vnd.schemaregistry.v1+json' })
        .end(JSON.stringify(body));
    })();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const registry: RegistryServer = {
    url: `http://${user}:${encodeURIComponent(password)}@127.0.0.1:${port}`,
    ...state,
    changes,
    refuse: () => undefined,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return registry;
}

type State = Pick<RegistryServer, 'subjects' | 'modes' | 'configs'>;

const refusal = (status: number, code: number, message: string): Answered => [status, { error_code: code, message }];

function answer(state: State, asked: Asked): Answered {
  const [kind, name = ''] = asked.path;
  if (kind === 'subjects') return name === '' ? [200, listed(state, asked)] : ofSubject(state, asked, name);
  if (kind === 'mode')
    return setting(state.modes, asked, name, 'mode', 'mode', 'READWRITE', 40_409, () => mayImport(state, asked));
  if (kind === 'config') {
    return setting(state.configs, asked, name, 'compatibility', 'compatibilityLevel', 'BACKWARD', 40_408, () => true);
  }
  return refusal(404, 404, 'HTTP 404 Not Found');
}

function listed({ subjects }: State, { query }: Asked): readonly string[] {
  const isShown = ([, versions]: [string, Map<number, KeptVersion>]): boolean =>
    [...versions.values()].some(({ isDeleted }) => query.get('deleted') === 'true' || isDeleted !== true);
  return [...subjects].filter(isShown).map(([name]) => name);
}

function mayImport({ subjects }: State, { path: [, name = ''], body, query }: Asked): boolean {
  return body['mode'] !== 'IMPORT' || query.get('force') === 'true' || (subjects.get(name)?.size ?? 0) === 0;
}

function setting(
  values: Map<string, string>,
  { method, body }: Asked,
  name: string,
  put: string,
  got: string,
  usual: string,
  absent: number,
  isAllowed: () => boolean,
): Answered {
  const value = values.get(name);
  if (method === 'GET') {
    if (value === undefined && name !== '') return refusal(404, absent, 'not configured');
    return [200, { [got]: value ?? usual }];
  }
  if (method === 'DELETE')
    return values.delete(name) ? [200, { [put]: value }] : refusal(404, absent, 'not configured');
  if (!isAllowed()) return refusal(422, 42_205, `Cannot import since found existing subjects`);
  values.set(name, String(body[put]));
  return [200, { [put]: body[put] }];
}

function ofSubject(state: State, asked: Asked, subject: string): Answered {
  const { method, path, query } = asked;
  const versions = state.subjects.get(subject) ?? new Map<number, KeptVersion>();
  const isSeen = ({ isDeleted }: KeptVersion): boolean => isDeleted !== true || query.get('deleted') === 'true';
  const [, , , given] = path;
  if (method === 'POST') return register(state, asked, subject, versions);
  if (given === undefined) {
    const seen = [...versions].filter(([, version]) => isSeen(version)).map(([number]) => number);
    return seen.length === 0 ? refusal(404, 40_401, `Subject '${subject}' not found.`) : [200, seen];
  }
  const found = versions.get(Number(given));
  if (found === undefined || !isSeen(found)) return refusal(404, 40_402, `Version ${given} not found.`);
  if (method === 'DELETE') {
    found.isDeleted = true;
    return [200, Number(given)];
  }
  const { isDeleted: _, ...rest } = found;
  return [200, { subject, version: Number(given), ...rest }];
}

function register(
  { subjects, modes }: State,
  { body }: Asked,
  subject: string,
  versions: Map<number, KeptVersion>,
): Answered {
  if ((modes.get(subject) ?? modes.get('')) !== 'IMPORT') {
    return refusal(422, 42_205, `Subject ${subject} is not in import mode`);
  }
  const { id, version, schema, schemaType, references = [] } = body as unknown as KeptVersion & { version: number };
  const isThere = (reference: SchemaReference): boolean =>
    subjects.get(reference.subject)?.has(reference.version) === true;
  if (!references.every(isThere)) return refusal(422, 42_201, 'Invalid schema: no schema reference found');
  const taken = [...subjects.values()].flatMap((each) => [...each.values()]).find((each) => each.id === id);
  if (taken !== undefined && taken.schema !== schema) {
    return refusal(422, 42_207, `Overwrite new schema with id ${id} is not permitted.`);
  }
  versions.set(version, {
    id,
    schema,
    ...(schemaType === undefined ? {} : { schemaType }),
    ...(references.length === 0 ? {} : { references }),
  });
  subjects.set(subject, versions);
  return [200, { id }];
}
