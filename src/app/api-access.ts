import { readFileSync } from 'node:fs';
import { TealError } from '../kernel/errors.ts';
import { isLoopback, parseListen } from '../server/listen.ts';
import { signInSettings, type SignInOptions } from '../server/sign-in/settings.ts';
import { SignIn } from '../server/sign-in/sign-in.ts';

/** What opens the port, and says who may come in by it. */
export interface AccessOptions {
  /** `host:port`; port 0 is one that is free. */
  readonly listen: string;
  readonly tlsCert?: string | undefined;
  readonly tlsKey?: string | undefined;
  /** Names by which clients may ask, beside addresses and `localhost`. */
  readonly names: readonly string[];
  /** Where browsers find the console, where that is not `listen`: behind another server, or by a name. */
  readonly publicUrl?: string | undefined;
  /** How people sign in, beside tokens. */
  readonly oidc?: SignInOptions | undefined;
}

export interface Tls {
  readonly certificate: string;
  readonly key: string;
}

/** Names in small letters; that of the address which browsers use is one of them. */
export function namesOf({ names, publicUrl }: AccessOptions): ReadonlySet<string> {
  const own = publicUrl !== undefined && URL.canParse(publicUrl) ? [new URL(publicUrl).hostname] : [];
  return new Set([...names, ...own].map((name) => name.toLowerCase()));
}

/** Undefined where tokens alone let in. Errors: TEAL-SERVER-036. */
export function signInOf({ oidc, publicUrl, listen, tlsCert }: AccessOptions): SignIn | undefined {
  if (oidc === undefined) return undefined;
  const { host, port } = parseListen(listen);
  if (publicUrl === undefined && (port === 0 || host === '0.0.0.0' || /^[:0]+$/.test(host))) {
    throw new TealError('TEAL-SERVER-036', `${listen} says not where browsers find the console: give --public-url`);
  }
  const place = host.includes(':') ? `[${host}]` : host;
  const own = `${tlsCert === undefined ? 'http' : 'https'}://${place}:${port}/`;
  return new SignIn(signInSettings(oidc, publicUrl ?? own));
}

/** A file's first choice: what is in the environment is seen by every process that is started from here. Errors: TEAL-SERVER-036. */
export function clientSecretOf(
  file: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
): string | undefined {
  if (file === undefined) return env['TEAL_OIDC_SECRET'];
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw new TealError('TEAL-SERVER-036', `the secret of the client cannot be read from ${file}`, { file }, error);
  }
}

/** TEAL-SERVER-001 where nobody would be asked who they are, and others than this machine could ask. */
export function mustNotBeOpenToAll({ listen, oidc }: AccessOptions, tokens: { path: string; isEmpty: boolean }): void {
  const { host } = parseListen(listen);
  if (!tokens.isEmpty || oidc !== undefined || isLoopback(host)) return;
  throw new TealError('TEAL-SERVER-001', `${listen} is not loopback, and ${tokens.path} has no token`, { host });
}

/** Undefined where none was given. Errors: TEAL-SERVER-003. */
export function readTls({ tlsCert, tlsKey }: AccessOptions): Tls | undefined {
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
