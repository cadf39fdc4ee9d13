import type { ConnectionOptions as TlsOptions } from 'node:tls';
import { TealError } from '../../kernel/errors.ts';
import { fileOf } from '../../kernel/named-file.ts';

/** What a `mysql://` address says. */
export interface MysqlAddress {
  readonly host: string;
  readonly port: number;
  /** A socket of the machine, instead of host and port. */
  readonly socketPath?: string;
  readonly user: string;
  readonly password: string;
  /** Undefined when the address names none: all databases are meant. */
  readonly database?: string;
  /** Undefined: without encryption. */
  readonly tls?: Pick<TlsOptions, 'ca' | 'cert' | 'key' | 'servername' | 'rejectUnauthorized'> & {
    /** The name in the certificate must be the host's. */
    readonly verifyIdentity: boolean;
  };
}

const sslModes = ['DISABLED', 'PREFERRED', 'REQUIRED', 'VERIFY_CA', 'VERIFY_IDENTITY'] as const;
const parameters = new Set(['ssl-mode', 'ssl-ca', 'ssl-cert', 'ssl-key', 'socket']);

/**
 * `mysql://user:password@host:3306/database?ssl-mode=VERIFY_IDENTITY&ssl-ca=/path`, also `mariadb://`; parameters as the command line of `mysql` has them (manual: "Command Options for
 * Encrypted Connections"). `PREFERRED` is no answer to whether a connection is encrypted: it is refused; without a mode a connection is not. Errors: TEAL-SYSTEMS-009, -004 a file cannot be read.
 */
export function parseAddress(text: string): MysqlAddress {
  const url = URL.parse(text);
  if (url === null || !/^(mysql|mariadb):$/.test(url.protocol)) {
    throw new TealError('TEAL-SYSTEMS-009', 'the address of a database is not a mysql:// URL');
  }
  for (const name of url.searchParams.keys()) {
    if (!parameters.has(name)) {
      throw new TealError('TEAL-SYSTEMS-009', `the address has a parameter that is not known: ${name}`);
    }
  }
  const host = decodeURIComponent(url.hostname).replace(/^\[(.*)\]$/, '$1');
  const database = decodeURIComponent(url.pathname.replace(/^\//, ''));
  const socketPath = url.searchParams.get('socket');
  const tls = tlsOf(url.searchParams, host);
  return Object.freeze({
    host,
    port: url.port === '' ? 3306 : Number(url.port),
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    ...(socketPath === null ? {} : { socketPath }),
    ...(database === '' ? {} : { database }),
    ...(tls === undefined ? {} : { tls }),
  });
}

function tlsOf(given: URLSearchParams, host: string): MysqlAddress['tls'] {
  const named = given.get('ssl-mode')?.toUpperCase();
  const mode = sslModes.find((each) => each === named);
  if (named !== undefined && mode === undefined) {
    throw new TealError('TEAL-SYSTEMS-009', `ssl-mode is one of ${sslModes.join(', ')}`);
  }
  if (mode === 'PREFERRED') {
    throw new TealError(
      'TEAL-SYSTEMS-009',
      'ssl-mode PREFERRED falls back to plain text unasked: say REQUIRED or DISABLED',
    );
  }
  const verifies = mode === 'VERIFY_CA' || mode === 'VERIFY_IDENTITY';
  if (verifies && !given.has('ssl-ca')) {
    throw new TealError('TEAL-SYSTEMS-009', `ssl-mode ${mode} needs ssl-ca`);
  }
  if (mode === undefined || mode === 'DISABLED') {
    if (!['ssl-ca', 'ssl-cert', 'ssl-key'].some((name) => given.has(name))) return undefined;
    throw new TealError('TEAL-SYSTEMS-009', 'certificates are named, and ssl-mode asks for no encryption');
  }
  if (given.has('ssl-cert') !== given.has('ssl-key')) {
    throw new TealError('TEAL-SYSTEMS-009', 'one of ssl-cert and ssl-key is named without the other');
  }
  return {
    ...fileOf(given, 'ssl-ca', 'ca'),
    ...fileOf(given, 'ssl-cert', 'cert'),
    ...fileOf(given, 'ssl-key', 'key'),
    servername: host,
    rejectUnauthorized: verifies,
    verifyIdentity: mode === 'VERIFY_IDENTITY',
  };
}
