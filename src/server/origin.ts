import { isIP } from 'node:net';

/** What a request says of where it comes from. */
export interface SaidOrigin {
  readonly host: string | undefined;
  readonly origin: string | undefined;
  readonly fetchSite: string | undefined;
  /** The address that its first line names, where it names a whole one: then it rules, whatever Host says (RFC 9112, 3.2.2). */
  readonly place?: string | undefined;
}

/**
 * Why a request is refused; undefined when it may pass. Pure.
 *
 * A page of another site can have a browser send requests here, and by a name of its own that it lets point to this machine (DNS rebinding) even read the answers. So
 * Host must be an address, `localhost` or a name that was given: an attacker's page has a name. And a browser's request must come from a page of this very host. Programs
 * that are no browsers send neither Origin nor Sec-Fetch-Site.
 */
export function refusedOrigin(said: SaidOrigin, names: ReadonlySet<string>): string | undefined {
  const { host, origin, fetchSite, place = host } = said;
  const name = host === undefined ? undefined : hostName(host);
  if (name === undefined) return 'its Host is missing or none';
  if (!isKnown(name, names)) return 'its Host is a name that this API was not given';
  if (!isKnown(hostName(place ?? ''), names)) return 'its first line names a place that this API is not';
  if (origin !== undefined && !isOriginOf(origin, host ?? '')) return 'its Origin is another site';
  if (fetchSite !== undefined && fetchSite !== 'same-origin' && fetchSite !== 'none')
    return 'it comes from another site';
  return undefined;
}

function isKnown(name: string | undefined, names: ReadonlySet<string>): boolean {
  return name !== undefined && (isIP(name) !== 0 || name === 'localhost' || names.has(name));
}

/** Without the port, in small letters; undefined when it is no host. */
export function hostName(host: string): string | undefined {
  const [, bracketed, plain] = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::\d{1,5})?$/i.exec(host) ?? [];
  return (bracketed ?? plain)?.toLowerCase();
}

function isOriginOf(origin: string, host: string): boolean {
  const [, scheme, place] = /^(https?):\/\/(.+)$/.exec(origin) ?? [];
  return scheme !== undefined && place?.toLowerCase() === host.toLowerCase();
}
