import { join } from 'node:path';
import { describeError, isTealError, TealError } from '../kernel/errors.ts';
import { FailureLimits } from '../kernel/failure-limits.ts';
import { redact } from '../kernel/redact.ts';
import { buildApi } from '../server/api.ts';
import { isLoopback, listen, parseListen } from '../server/listen.ts';
import type { SignIn } from '../server/sign-in/sign-in.ts';
import { TokenFile } from '../server/tokens.ts';
import { mustNotBeOpenToAll, namesOf, readTls, signInOf, type AccessOptions } from './api-access.ts';
import { builtConsole } from './console-folder.ts';
import { loadSpec, type LoadedSpec } from './load-spec.ts';
import { filesIn, ServedMigrations } from './served-migrations.ts';

export interface ServeApiOptions extends AccessOptions {
  /** One file, or several, or folders of them: then each is asked for by its name. */
  readonly file: string | readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Default: `api-tokens` in the state folder, of several files of the first. */
  readonly tokensFile?: string | undefined;
  readonly log: (event: string, facts: Readonly<Record<string, unknown>>) => void;
}

export interface ServedApi extends AsyncDisposable {
  readonly url: string;
}

/** The file of tokens of a migration. */
export function tokenFileOf({ stateDir }: LoadedSpec, path?: string): TokenFile {
  return new TokenFile(path ?? join(stateDir, 'api-tokens'));
}

/** The file of tokens of all: of several files beside the first, which must then be readable. Errors: those of that file. */
function tokensOf([first = '']: readonly string[], { tokensFile, env }: ServeApiOptions): TokenFile {
  return tokensFile === undefined ? tokenFileOf(loadSpec(first, env)) : new TokenFile(tokensFile);
}

/** Makes a token and returns it: it is kept by its hash alone. Errors: TEAL-SERVER-002, -003. */
export function newToken(loaded: LoadedSpec, name: string, roles: readonly string[], path?: string): string {
  return tokenFileOf(loaded, path).add(name, roles);
}

/**
 * Serves the API of migration files until it is disposed of. It reads the journal beside whatever command runs, and the migration goes on when it ends. Errors:
 * TEAL-SERVER-001 open to everybody, -002 tokens, -003 address or certificate, -036 sign-in; those of the file.
 */
export async function serveApi(options: ServeApiOptions): Promise<ServedApi> {
  const { env, log } = options;
  const files = filesIn([options.file].flat());
  const { host, port } = parseListen(options.listen);
  const tokens = tokensOf(files, options);
  const tls = readTls(options);
  const signIn = signInOf(options);
  const isEmpty = tokens.isEmpty;
  mustNotBeOpenToAll(options, { path: tokens.path, isEmpty });
  if (tls === undefined && !isLoopback(host)) log('tokens travel in clear text: no certificate was given', { host });
  await using stack = new AsyncDisposableStack();
  const ended = new AbortController();
  const migrations = stack.use(new ServedMigrations({ files, env, log, signal: ended.signal }));
  const end = (): void => ended.abort(new TealError('TEAL-KERNEL-003', 'the API stops'));
  stack.defer(end);
  const app = buildApi({
    migrations,
    console: builtConsole(),
    tokens,
    signIn,
    limits: new FailureLimits(),
    required: !isEmpty || signIn !== undefined || !isLoopback(host),
    names: namesOf(options),
    tls: tls !== undefined,
    log,
  });
  const listening = await listen({ host, port, fetch: app.fetch, ...(tls === undefined ? {} : { tls }) });
  stack.defer(async () => listening.stop());
  const looked = lookForProvider(signIn, ended.signal, log);
  stack.defer(async () => looked);
  stack.defer(end);
  const place = host.includes(':') ? `[${host}]` : host;
  const url = `${tls === undefined ? 'http' : 'https'}://${place}:${listening.port}`;
  log('listening', { url, tokens: !isEmpty });
  const running = stack.move();
  return { url, [Symbol.asyncDispose]: async () => running.disposeAsync() };
}

/** Whoever starts the API learns at once that nobody could sign in; it is served all the same, and asks again when somebody does. */
async function lookForProvider(
  signIn: SignIn | undefined,
  signal: AbortSignal,
  log: ServeApiOptions['log'],
): Promise<void> {
  try {
    await signIn?.provider.find(signal);
  } catch (error) {
    const code = isTealError(error) ? error.code : 'TEAL-SERVER-031';
    if (!signal.aborted) log('nobody can sign in', { code, because: redact(describeError(error)) });
  }
}
