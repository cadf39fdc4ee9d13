import type { Side } from '../../model/catalog.ts';
import { otherSide } from '../../model/catalog.ts';
import type { RouterFinding } from '../../ports/router.ts';
import { addressBytes, addressText, type AddressType } from '../../wire/dns/addresses.ts';
import { lower, rcodeName, recordTypes } from '../../wire/dns/message.ts';
import { leadsNowhere, type Desk } from '../desk-router.ts';
import { askDns, failed, updateDns, type DnsServer } from './exchange.ts';

export interface DnsOptions {
  /** The one that takes updates of the zone. */
  readonly server: DnsServer;
  readonly zone: string;
  /** By which clients find the database. */
  readonly name: string;
  readonly type: AddressType;
  /** The one record of that name and type, for each side: an address, or a name. */
  readonly records: Readonly<Record<Side, string>>;
  /** That the record has from a cut on, and should have before it. */
  readonly ttlMs: number;
}

/** The records of the name as the server has them. */
interface Seen {
  readonly side: Side | 'unknown';
  readonly data: readonly Buffer[];
  /** The longest, in seconds. */
  readonly ttl: number;
}

/**
 * A name of DNS as a router: one record, replaced by one signed update, which the server does only where the record of the losing side is there (RFC 2136, RFC 8945). Errors: TEAL-TRAFFIC-023, TEAL-WIRE-001,
 * TEAL-WIRE-006.
 */
export function dnsDesk(options: DnsOptions): Desk {
  const { server, zone, name, type, records } = options;
  const ttl = options.ttlMs / 1_000;
  const wanted = { blue: addressBytes(type, records.blue), green: addressBytes(type, records.green) };
  const canonical = (data: Buffer | undefined): string | undefined => data && lower(addressText(type, data));
  const set = { zone, name, type: recordTypes[type], ttl };
  const look = async (): Promise<Seen> => {
    const { answers } = await askDns(server, name, recordTypes[type]);
    // A name that leads on to another one has the records of that one in its answer.
    const own = answers.filter((record) => record.type === recordTypes[type] && record.name === lower(name));
    const data = own.map((record) => record.data);
    const side = (['blue', 'green'] as const).find(
      (each) => data.length === 1 && canonical(data[0]) === canonical(wanted[each]),
    );
    return { side: side ?? 'unknown', data, ttl: Math.max(0, ...own.map((record) => record.ttl)) };
  };
  return {
    name: `${name} in DNS`,
    read: async () => ({ side: (await look()).side, isHolding: false }),
    async point(side) {
      const seen = await look();
      if (seen.side === side && seen.ttl <= ttl) return '';
      if (seen.side === 'unknown') throw failed(server, leadsTo(options, seen));
      const rcode = await updateDns(server, { ...set, before: seen.data, after: [wanted[side]], replaces: true });
      if (rcode !== 0) throw failed(server, `it does not take an update: ${rcodeName(rcode)}`);
      const after = await look();
      if (after.side !== side) throw failed(server, `after an update that it took, ${leadsTo(options, after)}`);
      return '';
    },
    async look() {
      const seen = await look();
      if (seen.side === 'unknown') {
        const mend = `Have the name lead to ${records.blue}, or to ${records.green}, and to nothing else.`;
        return [leadsNowhere(`${leadsTo(options, seen)}.`, mend)];
      }
      // What is there is added to what is there: whether one may is told, and nothing changes.
      const rcode = await updateDns(server, {
        ...set,
        ttl: seen.ttl,
        before: seen.data,
        after: seen.data,
        replaces: false,
      });
      return [...mayUpdate(options, rcode), ...ttlOf(options, seen, otherSide(seen.side)), ...connections];
    },
  };
}

function leadsTo({ name, type }: DnsOptions, { data }: Seen): string {
  const told = data.map((each) => addressText(type, each)).join(' and ');
  return `${name} leads to ${told === '' ? `no ${type}` : told}`;
}

function mayUpdate({ name, zone }: DnsOptions, rcode: number): readonly RouterFinding[] {
  if (rcode === 0) return [];
  return [
    {
      severity: 'blocker',
      what: `An update of ${name} is answered with ${rcodeName(rcode)}.`,
      why: 'A cut would fail where it is needed.',
      mend: `Let the key of traffic.key update it: \`update-policy { grant … name ${name}. …; }\` of zone ${zone}, on the server that is its primary.`,
    },
  ];
}

function ttlOf(
  { name, type, ttlMs, zone, records }: DnsOptions,
  { ttl, side }: Seen,
  other: Side,
): readonly RouterFinding[] {
  if (ttl * 1_000 <= ttlMs || side === 'unknown') return [];
  const seconds = ttlMs / 1_000;
  return [
    {
      severity: 'blocker',
      what: `${name} may be kept for ${ttl} s, and traffic.ttl is ${seconds} s.`,
      why: `For so long clients would go on to the side that has lost, and not to ${records[other]}.`,
      mend: `Lower it, then wait ${ttl} s: nsupdate, \`zone ${zone}\`, \`update delete ${name} ${type}\`, \`update add ${name} ${seconds} ${type} ${records[side]}\`, \`send\`.`,
    },
  ];
}

const connections: readonly RouterFinding[] = [
  {
    severity: 'warning',
    what: 'A name is looked up when a connection is made.',
    why: 'Connections that are there stay on the side that has lost, where their writes are refused, until their clients make new ones.',
    mend: 'Have pools drop a connection whose write is refused (SQLSTATE 25006), or limit the age of their connections; see that no client keeps addresses longer than their TTL.',
  },
];
