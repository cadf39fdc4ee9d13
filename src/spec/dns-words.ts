import { isIPv4, isIPv6 } from 'node:net';

/** By which a server of DNS knows who asks for an update. */
export interface DnsKeySpec {
  readonly name: string;
  readonly algorithm: 'hmac-sha256' | 'hmac-sha384' | 'hmac-sha512';
  /** Base64. */
  readonly secret: string;
}

/** `[algorithm:]name:secret`, as `nsupdate -y` has it. Without an algorithm: hmac-sha256. */
export function readDnsKey(text: string): DnsKeySpec | undefined {
  const parts = /^(?:(?<algorithm>hmac-sha(?:256|384|512)):)?(?<name>[^:]+):(?<secret>[A-Za-z0-9+/]+={0,2})$/.exec(
    text,
  )?.groups;
  if (parts === undefined || !isDnsName(parts['name'] ?? '')) return undefined;
  return {
    name: withoutDot(parts['name'] ?? ''),
    algorithm: (parts['algorithm'] ?? 'hmac-sha256') as DnsKeySpec['algorithm'],
    secret: parts['secret'] ?? '',
  };
}

/** `host`, `host:port` or `[host]:port`; default port 53. */
export function readDnsServer(text: string): { readonly host: string; readonly port: number } | undefined {
  if (isIPv6(text)) return { host: text, port: 53 };
  const parts = /^(?:\[(?<six>[^\]]+)\]|(?<host>[^\s:[\]]+))(?::(?<port>\d{1,5}))?$/.exec(text)?.groups;
  const port = Number(parts?.['port'] ?? 53);
  if (parts === undefined || port > 65_535 || (parts['six'] !== undefined && !isIPv6(parts['six']))) return undefined;
  return { host: parts['six'] ?? parts['host'] ?? '', port };
}

/** The type of the record that leads there: to an address, or on to another name. */
export function dnsTypeOf(text: string): 'A' | 'AAAA' | 'CNAME' | undefined {
  if (isIPv4(text)) return 'A';
  if (isIPv6(text)) return 'AAAA';
  return isDnsName(text) && !/^[\d.]+$/.test(text) ? 'CNAME' : undefined;
}

export function isDnsName(text: string): boolean {
  const name = withoutDot(text);
  return name.length <= 253 && name.split('.').every((label) => /^[A-Za-z0-9_-]{1,63}$/.test(label));
}

/** Names are absolute, with the dot at their end or without. */
export function withoutDot(name: string): string {
  return name.replace(/\.$/, '');
}
