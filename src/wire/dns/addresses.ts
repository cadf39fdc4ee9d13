import { isIPv4, isIPv6 } from 'node:net';
import { BodyReader, malformed } from '../kafka/body.ts';
import { nameBytes, readName } from './message.ts';

/** Types of records that lead somewhere. */
export type AddressType = 'A' | 'AAAA' | 'CNAME';

/** The data of a record, by what a person writes: an IPv4 or IPv6 address, or a name. TEAL-WIRE-001 for what is none. */
export function addressBytes(type: AddressType, text: string): Buffer {
  if (type === 'CNAME') return nameBytes(text.replace(/\.$/, ''));
  if (type === 'A' && isIPv4(text)) return Buffer.from(text.split('.').map(Number));
  if (type === 'AAAA' && isIPv6(text)) return Buffer.concat(groupsOf(text));
  throw malformed('an address', `no ${type}`);
}

/** The same for people. */
export function addressText(type: AddressType, data: Buffer): string {
  if (type === 'A' && data.length === 4) return data.join('.');
  if (type === 'AAAA' && data.length === 16) return new URL(`http://[${hexGroups(data)}]`).hostname.slice(1, -1);
  if (type === 'CNAME') return readName(data, new BodyReader(data, 'a name of DNS'));
  return `${data.length} bytes`;
}

function hexGroups(data: Buffer): string {
  return data.toString('hex').replace(/(.{4})(?!$)/g, '$1:');
}

/** Eight groups of two bytes; parsers of URLs know every way to write them. */
function groupsOf(text: string): readonly Buffer[] {
  const [left = '', right] = new URL(`http://[${text}]`).hostname.slice(1, -1).split('::');
  const groups = (part: string): string[] => (part === '' ? [] : part.split(':'));
  const [before, after] = [groups(left), groups(right ?? '')];
  const zeros = Array<string>(8 - before.length - after.length).fill('0');
  return [...before, ...zeros, ...after].map((group) => Buffer.from(group.padStart(4, '0'), 'hex'));
}
