import { isIP } from 'node:net';

/** What a Service of Kubernetes leads to: one address, or the pods that have these labels. */
export type KubernetesTarget =
  | { readonly address: string; readonly port: number }
  | { readonly labels: Readonly<Record<string, string>> };

/** `10.0.0.1:5432`, `[2001:db8::1]:5432`, or `app=shop-db,role=primary`; undefined for anything else. */
export function readTarget(text: string): KubernetesTarget | undefined {
  const place = /^(?:\[(?<six>[0-9a-fA-F:.]+)\]|(?<four>[0-9.]+)):(?<port>\d{1,5})$/.exec(text)?.groups;
  if (place !== undefined) {
    const address = place['six'] ?? place['four'] ?? '';
    const port = Number(place['port']);
    const isRight = isIP(address) === (place['six'] === undefined ? 4 : 6) && port >= 1 && port <= 65_535;
    return isRight ? { address: address.toLowerCase(), port } : undefined;
  }
  const labels = readLabels(text);
  return labels === undefined ? undefined : { labels };
}

/** `app=shop-db,role=primary`; undefined for anything else. */
export function readLabels(text: string): Readonly<Record<string, string>> | undefined {
  const labels = text.split(',').map((each) => each.trim().split('='));
  if (!labels.every(([key = '', value = '', ...rest]) => rest.length === 0 && isKey(key) && isValue(value)))
    return undefined;
  const named = Object.fromEntries(labels.map(([key = '', value = '']) => [key, value]));
  return Object.keys(named).length === labels.length ? named : undefined;
}

/** Of both sides: one kind, and one family of addresses, for that of an EndpointSlice cannot be changed. */
export function areAlike(one: KubernetesTarget, other: KubernetesTarget): boolean {
  if ('address' in one) return 'address' in other && isIP(one.address) === isIP(other.address);
  return 'labels' in other;
}

/** No pod can have all labels of both: of one key they have different values. */
export function areApart(one: Readonly<Record<string, string>>, other: Readonly<Record<string, string>>): boolean {
  return Object.entries(one).some(([key, value]) => other[key] !== undefined && other[key] !== value);
}

/** Of objects: a name of DNS. */
export function isObjectName(text: string): boolean {
  return text.length <= 253 && /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(text);
}

/** A destination of Istio: a host, and a subset of it behind a slash. */
export function readDestination(text: string): { readonly host: string; readonly subset?: string } | undefined {
  const [host = '', subset, ...rest] = text.split('/');
  if (rest.length > 0 || !/^[A-Za-z0-9]([-A-Za-z0-9.]*[A-Za-z0-9])?$/.test(host)) return undefined;
  if (subset === undefined) return { host };
  return /^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/.test(subset) ? { host, subset } : undefined;
}

function isKey(text: string): boolean {
  return /^([a-z0-9]([-a-z0-9.]*[a-z0-9])?\/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/.test(text);
}

function isValue(text: string): boolean {
  return text.length <= 63 && /^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/.test(text);
}
