const defaultPort = 5432;

/**
 * `host:port/database`, or a postgres:// URL of which the same is taken. Undefined for anything else. A URL that names no host means a socket, which only a program on
 * that machine finds.
 */
export function readPlace(
  text: string,
): { readonly host: string | undefined; readonly port: number; readonly database: string } | undefined {
  const url = URL.parse(/^postgres(ql)?:\/\//.test(text) ? text : `postgres://${text}`);
  const database = url === null ? undefined : decoded(url.pathname.slice(1) || url.username);
  if (url === null || database === undefined || database === '') return undefined;
  const host = url.hostname.replace(/^\[|\]$/g, '');
  return { host: host === '' ? undefined : host, port: Number(url.port === '' ? defaultPort : url.port), database };
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
