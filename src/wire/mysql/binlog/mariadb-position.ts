import { malformed } from '../body.ts';

/** One transaction of MariaDB: `domain-server-sequence`. */
export interface MariadbGtid {
  readonly domain: number;
  readonly server: number;
  readonly sequence: bigint;
}

/**
 * A position of MariaDB: the last transaction of each domain. Order holds within a domain alone; a set of MySQL's GTIDs is another thing and is never made
 * into one. Never to be changed in place.
 */
export type MariadbPosition = ReadonlyMap<number, MariadbGtid>;

const gtidPattern = /^(\d{1,10})-(\d{1,10})-(\d{1,20})$/;
const largestWord = 0xff_ff_ff_ff;
const largestSequence = (1n << 64n) - 1n;

/** As `@@gtid_binlog_pos` has it, `0-1-7,1-2-9`. TEAL-WIRE-001, also for a domain that is there twice. */
export function parseMariadbPosition(text: string): MariadbPosition {
  const position = new Map<number, MariadbGtid>();
  for (const part of text.replaceAll(/\s/g, '').split(',')) {
    if (part === '') continue;
    const gtid = parseMariadbGtid(part);
    if (position.has(gtid.domain)) throw malformed('a position of MariaDB', 'a domain is there twice');
    position.set(gtid.domain, gtid);
  }
  return position;
}

export function parseMariadbGtid(text: string): MariadbGtid {
  const [, domain, server, sequence] = gtidPattern.exec(text) ?? [];
  const gtid = { domain: Number(domain), server: Number(server), sequence: BigInt(sequence ?? 0) };
  const isOne = domain !== undefined && gtid.domain <= largestWord && gtid.server <= largestWord;
  if (!isOne || gtid.sequence > largestSequence) throw malformed('a GTID of MariaDB', 'it is none');
  return gtid;
}

export function printMariadbGtid({ domain, server, sequence }: MariadbGtid): string {
  return `${domain}-${server}-${sequence}`;
}

/** In the order of domains. */
export function printMariadbPosition(position: MariadbPosition): string {
  const inOrder = [...position.values()].toSorted((a, b) => a.domain - b.domain);
  return inOrder.map(printMariadbGtid).join(',');
}

/** After `gtid`, which was the next of its domain. */
export function advanceMariadbPosition(position: MariadbPosition, gtid: MariadbGtid): MariadbPosition {
  return new Map(position).set(gtid.domain, gtid);
}

/** Whether a server at `reached` has everything up to `wanted`: in each domain by its sequence, whichever server wrote it. */
export function hasReached(reached: MariadbPosition, wanted: MariadbPosition): boolean {
  return [...wanted.values()].every(({ domain, sequence }) => {
    const last = reached.get(domain)?.sequence;
    return last !== undefined && last >= sequence;
  });
}
