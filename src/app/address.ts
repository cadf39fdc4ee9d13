/** `host:port/database` of a URL, without user and password: for people. */
export function addressOf(url: string): string {
  const parsed = URL.parse(url);
  if (parsed === null) return 'not a URL';
  const host = parsed.searchParams.get('host') ?? (parsed.hostname === '' ? 'localhost' : parsed.hostname);
  return `${host}:${parsed.port === '' ? '5432' : parsed.port}${parsed.pathname}`;
}
