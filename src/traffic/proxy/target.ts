import { readFileSync } from 'node:fs';
import { TealError } from '../../kernel/errors.ts';
import type { Side } from '../../model/catalog.ts';

/** As libpq's sslmode: `prefer` takes TLS if it is offered, `require` insists, `verify-ca` checks who signed, `verify-full` also the name. */
export type TlsMode = 'disable' | 'prefer' | 'require' | 'verify-ca' | 'verify-full';

/** Where the backends of one side are. */
export interface BackendTarget {
  readonly side: Side;
  /** A host name, or the folder of a unix socket. */
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly tls: TlsMode;
  readonly certificateAuthority?: string;
}

export interface AdminLogin {
  readonly user: string;
  readonly password?: string;
}

/** Of which family a side is, by its address. */
export function isMysqlUrl(url: string): boolean {
  return /^(?:mysql|mariadb):/i.test(url);
}

/** Reads `postgres://user:password@host:port/database?sslmode=…&sslrootcert=…`. Errors never hold the URL. */
export function readTarget(side: Side, url: string): { readonly target: BackendTarget; readonly admin: AdminLogin } {
  if (!URL.canParse(url)) throw new TealError('TEAL-TRAFFIC-006', `the address of ${side} is not a URL`, { side });
  const parsed = new URL(url);
  const query = parsed.searchParams;
  const root = query.get('sslrootcert');
  const user = decodeURIComponent(parsed.username) || 'postgres';
  const password = decodeURIComponent(parsed.password);
  const target: BackendTarget = {
    side,
    host: query.get('host') ?? (parsed.hostname === '' ? 'localhost' : parsed.hostname.replace(/^\[(.*)\]$/, '$1')),
    port: Number(query.get('port') ?? (parsed.port === '' ? 5432 : parsed.port)),
    database: decodeURIComponent(parsed.pathname.slice(1)) || user,
    tls: readMode(side, query.get('sslmode'), root !== null),
    ...(root === null || root === 'system' ? {} : { certificateAuthority: readFileSync(root, 'utf8') }),
  };
  return { target, admin: { user, ...(password === '' ? {} : { password }) } };
}

function readMode(side: Side, mode: string | null, withRoot: boolean): TlsMode {
  switch (mode) {
    case null:
    case 'allow':
      return 'prefer';
    case 'require':
      // libpq: a root certificate beside `require` asks for its check.
      return withRoot ? 'verify-ca' : 'require';
    case 'disable':
    case 'prefer':
    case 'verify-ca':
    case 'verify-full':
      return mode;
    default:
      throw new TealError('TEAL-TRAFFIC-006', `sslmode of ${side} is not one of libpq's`, { side });
  }
}
