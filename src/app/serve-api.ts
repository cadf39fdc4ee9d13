import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isTealError, TealError } from '../kernel/errors.ts';
import { buildApi } from '../server/api.ts';
import { EventStreams } from '../server/event-streams.ts';
import { JournalFeed } from '../server/journal-feed.ts';
import { isLoopback, listen, parseListen } from '../server/listen.ts';
import { RateHistory } from '../server/rate-history.ts';
import { TokenFile } from '../server/tokens.ts';
import { builtConsole } from './console-folder.ts';
import type { LoadedSpec } from './load-spec.ts';
import { loadSpec } from './load-spec.ts';
import { watchedBy } from './watch-api.ts';

export interface ServeApiOptions {
  readonly file: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** `host:port`; port 0 is one that is free. */
  readonly listen: string;
  /** Default: `api-tokens` in the state folder. */
  readonly tokensFile?: string | undefined;
  readonly tlsCert?: string | undefined;
  readonly tlsKey?: string | undefined;
  /** Names by which clients may ask, beside addresses and `localhost`. */
  readonly names: readonly string[];
  readonly log: (event: string, facts: Readonly<Record<string, unknown>>) => void;
}

export interface ServedApi extends AsyncDisposable {
  readonly url: string;
}

/** The file of tokens of a migration. */
export function tokenFileOf({ stateDir }: LoadedSpec, path?: string): TokenFile {
  return new TokenFile(path ?? join(stateDir, 'api-tokens'));
}

/** Makes a token and returns it: it is kept by its hash alone. Errors: TEAL-SERVER-002, -003. */
export function newToken(loaded: LoadedSpec, name: string, roles: readonly string[], path?: string): string {
  return tokenFileOf(loaded, path).add(name, roles);
}

/**
 * Serves the API of a migration file until it is disposed of. It reads the journal beside whatever command runs, and the migration goes on when it ends. Errors:
 * TEAL-SERVER-001 open to everybody, -002 tokens, -003 address or certificate; those of the file.
 */
export async function serveApi(options: ServeApiOptions): Promise<ServedApi> {
  const reload = (): LoadedSpec => loadSpec(options.file, options.env);
  const loaded = reload();
  const { host, port } = parseListen(options.listen);
  const tokens = tokenFileOf(loaded, options.tokensFile);
  const tls = readTls(options);
  const isEmpty = tokens.isEmpty;
  if (isEmpty && !isLoopback(host)) {
    throw new TealError('TEAL-SERVER-001', `${options.listen} is not loopback, and ${tokens.path} has no token`, {
      host,
    });
  }
  if (tls === undefined && !isLoopback(host))
    options.log('tokens travel in clear text: no certificate was given', { host });
  await using stack = new AsyncDisposableStack();
  const ended = new AbortController();
  const feed = stack.use(new JournalFeed(loaded.journal));
  const watched = watchedBy({ loaded, reload, env: options.env, feed, signal: ended.signal });
  const events = new EventStreams({
    records: (after, limit) => feed.records(after, limit),
    rates: watched.rates,
    signal: ended.signal,
  });
  const history = new RateHistory({
    rates: watched.rates,
    onError: (error) => options.log('no rates', { code: isTealError(error) ? error.code : 'TEAL-SERVER-012' }),
  });
  const app = buildApi({
    watched,
    journal: feed,
    events,
    rateHistory: () => history.answer(),
    console: builtConsole(),
    tokens,
    required: !isEmpty || !isLoopback(host),
    names: new Set(options.names.map((name) => name.toLowerCase())),
    tls: tls !== undefined,
    log: options.log,
  });
  const listening = await listen({ host, port, fetch: app.fetch, ...(tls === undefined ? {} : { tls }) });
  stack.defer(async () => listening.stop());
  const kept = history.keep(ended.signal);
  stack.defer(async () => kept);
  stack.defer(() => ended.abort(new TealError('TEAL-KERNEL-003', 'the API stops')));
  const place = host.includes(':') ? `[${host}]` : host;
  const url = `${tls === undefined ? 'http' : 'https'}://${place}:${listening.port}`;
  options.log('listening', { url, tokens: !isEmpty });
  const running = stack.move();
  return { url, [Symbol.asyncDispose]: async () => running.disposeAsync() };
}

function readTls({
  tlsCert,
  tlsKey,
}: ServeApiOptions): { readonly certificate: string; readonly key: string } | undefined {
  if (tlsCert === undefined && tlsKey === undefined) return undefined;
  if (tlsCert === undefined || tlsKey === undefined) {
    throw new TealError('TEAL-SERVER-003', 'a certificate and its key belong together: --tls-cert and --tls-key');
  }
  try {
    return { certificate: readFileSync(tlsCert, 'utf8'), key: readFileSync(tlsKey, 'utf8') };
  } catch (error) {
    throw new TealError('TEAL-SERVER-003', 'the certificate or its key cannot be read', { tlsCert, tlsKey }, error);
  }
}
