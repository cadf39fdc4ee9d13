import { printableBrokers } from '../systems/kafka/address.ts';

/** `host:port/database` of a URL, or the brokers of a cluster, without user and password: for people. */
export function addressOf(url: string): string {
  if (url.startsWith('kafka:')) return printableBrokers(url);
  const parsed = URL.parse(url);
  if (parsed === null) return 'not a URL';
  const port = parsed.protocol.startsWith('postgres') ? '5432' : '3306';
  const host = parsed.searchParams.get('host') ?? (parsed.hostname === '' ? 'localhost' : parsed.hostname);
  return `${host}:${parsed.port === '' ? port : parsed.port}${parsed.pathname}`;
}
