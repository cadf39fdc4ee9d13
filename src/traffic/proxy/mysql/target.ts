import { readFileSync } from 'node:fs';
import { describeError, TealError } from '../../../kernel/errors.ts';
import type { Side } from '../../../model/catalog.ts';
import type { AdminLogin } from '../target.ts';

export interface MysqlTarget {
  readonly side: Side;
  readonly host: string;
  readonly port: number;
  /** Instead of host and port. */
  readonly socketPath?: string;
  readonly tls: 'disabled' | 'required' | 'verify-ca' | 'verify-identity';
  readonly certificateAuthority?: string;
  /** PEM: what the proxy shows to a server that asks who connects (accounts with REQUIRE X509). The key is secret. */
  readonly certificate?: string;
  readonly certificateKey?: string;
}

const modes: Readonly<Record<string, MysqlTarget['tls']>> = {
  DISABLED: 'disabled',
  REQUIRED: 'required',
  VERIFY_CA: 'verify-ca',
  VERIFY_IDENTITY: 'verify-identity',
};

const parameters = new Set(['ssl-mode', 'ssl-ca', 'ssl-cert', 'ssl-key', 'socket']);

/** Reads `mysql://user:password@host:port/?ssl-mode=…&ssl-ca=…&ssl-cert=…&ssl-key=…`, as `src/systems/mysql/address.ts` does. Errors (TEAL-TRAFFIC-006) never hold the URL. */
export function readMysqlTarget(side: Side, url: string): { readonly target: MysqlTarget; readonly admin: AdminLogin } {
  const parsed = URL.parse(url);
  if (parsed === null || !/^(mysql|mariadb):$/.test(parsed.protocol)) throw wrong(side, 'is not a mysql:// URL');
  const query = parsed.searchParams;
  const unknown = [...query.keys()].find((name) => !parameters.has(name));
  if (unknown !== undefined) throw wrong(side, `has a parameter that is not known: ${unknown}`);
  const socketPath = query.get('socket');
  const password = decodeURIComponent(parsed.password);
  return {
    target: {
      side,
      host: decodeURIComponent(parsed.hostname).replace(/^\[(.*)\]$/, '$1'),
      port: parsed.port === '' ? 3306 : Number(parsed.port),
      ...readTls(side, query),
      ...(socketPath === null ? {} : { socketPath }),
    },
    admin: { user: decodeURIComponent(parsed.username), ...(password === '' ? {} : { password }) },
  };
}

type TlsOfTarget = Pick<MysqlTarget, 'tls' | 'certificateAuthority' | 'certificate' | 'certificateKey'>;

function readTls(side: Side, query: URLSearchParams): TlsOfTarget {
  const tls = modes[query.get('ssl-mode')?.toUpperCase() ?? 'DISABLED'];
  if (tls === undefined) throw wrong(side, `has an ssl-mode that is not one of ${Object.keys(modes).join(', ')}`);
  const [authority, certificate, key] = [query.get('ssl-ca'), query.get('ssl-cert'), query.get('ssl-key')];
  if (tls === 'disabled' && (authority ?? certificate ?? key) !== null)
    throw wrong(side, 'names certificates, and its ssl-mode asks for no encryption');
  if (tls.startsWith('verify') && authority === null) throw wrong(side, 'has an ssl-mode that needs ssl-ca');
  if ((certificate === null) !== (key === null)) throw wrong(side, 'has one of ssl-cert and ssl-key without the other');
  return {
    tls,
    ...(authority === null ? {} : { certificateAuthority: readPem(side, 'ssl-ca', authority) }),
    ...(certificate === null ? {} : { certificate: readPem(side, 'ssl-cert', certificate) }),
    ...(key === null ? {} : { certificateKey: readPem(side, 'ssl-key', key) }),
  };
}

function readPem(side: Side, parameter: string, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw wrong(side, `names a file in ${parameter} that cannot be read: ${describeError(error)}`);
  }
}

function wrong(side: Side, why: string): TealError {
  return new TealError('TEAL-TRAFFIC-006', `the address of ${side} ${why}`, { side });
}
