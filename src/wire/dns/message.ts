import { BodyWriter } from '../kafka/body-writer.ts';
import { BodyReader, malformed } from '../kafka/body.ts';

/**
 * Messages of DNS (RFC 1035 section 4) and of its updates (RFC 2136 section 2):
 *
 *     header: id 16, flags 16 (QR 1, opcode 4, AA 1, TC 1, RD 1, RA 1, Z 3, rcode 4), four counts 16
 *     question (zone): name, type 16, class 16
 *     answer (prerequisite), authority (update), additional: name, type 16, class 16, ttl 32, length 16, data
 */
export const recordTypes = Object.freeze({ A: 1, CNAME: 5, SOA: 6, AAAA: 28, TSIG: 250, ANY: 255 });
export const classes = Object.freeze({ IN: 1, NONE: 254, ANY: 255 });
export const opcodes = Object.freeze({ query: 0, update: 5 });

/** RFC 1035 section 4.1.1, RFC 2136 section 2.2, RFC 8945 section 3. */
const rcodes: Readonly<Record<number, string>> = Object.freeze({
  0: 'NOERROR',
  1: 'FORMERR',
  2: 'SERVFAIL',
  3: 'NXDOMAIN',
  4: 'NOTIMP',
  5: 'REFUSED',
  6: 'YXDOMAIN',
  7: 'YXRRSET',
  8: 'NXRRSET',
  9: 'NOTAUTH',
  10: 'NOTZONE',
  16: 'BADSIG',
  17: 'BADKEY',
  18: 'BADTIME',
  22: 'BADTRUNC',
});

export function rcodeName(rcode: number): string {
  return rcodes[rcode] ?? `rcode ${rcode}`;
}

export interface DnsRecord {
  /** As `readName` gives it, in lower case. */
  readonly name: string;
  readonly type: number;
  readonly class: number;
  readonly ttl: number;
  /** Names in it are whole, as they would stand in a record of its own (CNAME alone; nothing else of Teal's has names in it). */
  readonly data: Buffer;
}

export interface DnsMessage {
  readonly id: number;
  readonly isAnswer: boolean;
  readonly opcode: number;
  readonly isAuthoritative: boolean;
  readonly rcode: number;
  readonly answers: readonly DnsRecord[];
  readonly additional: readonly (DnsRecord & { /** Where it begins in the message. */ readonly at: number })[];
}

const what = 'a message of DNS';
const headerBytes = 12;
const longestName = 255;

/** TEAL-WIRE-001 for bytes that are no whole message, or more than one. */
export function readMessage(bytes: Buffer): DnsMessage {
  const body = new BodyReader(bytes, what);
  const [id, flags] = [body.uint16(), body.uint16()];
  const [questions, answers, authorities, additional] = [body.uint16(), body.uint16(), body.uint16(), body.uint16()];
  for (let left = questions; left > 0; left -= 1) {
    readName(bytes, body);
    body.bytes(4);
  }
  const records = (count: number): (DnsRecord & { readonly at: number })[] => {
    const read: (DnsRecord & { readonly at: number })[] = [];
    // One after the other: what is only announced takes no room.
    for (let left = count; left > 0; left -= 1) read.push(readRecord(bytes, body));
    return read;
  };
  const inAnswer = records(answers);
  records(authorities);
  const inAdditional = records(additional);
  if (body.left > 0) throw malformed(what, 'bytes behind its end');
  return {
    id,
    isAnswer: (flags & 0x8000) !== 0,
    opcode: (flags >> 11) & 0xf,
    isAuthoritative: (flags & 0x0400) !== 0,
    rcode: flags & 0xf,
    answers: inAnswer,
    additional: inAdditional,
  };
}

function readRecord(bytes: Buffer, body: BodyReader): DnsRecord & { readonly at: number } {
  const { at } = body;
  const name = lower(readName(bytes, body));
  const [type, of, ttl, length] = [body.uint16(), body.uint16(), body.uint32(), body.uint16()];
  const from = body.at;
  const data = body.bytes(length);
  if (type !== recordTypes.CNAME) return { at, name, type, class: of, ttl, data };
  const inside = new BodyReader(bytes.subarray(0, from + length), what, from);
  // Of an update's deletion nothing stands there.
  const whole = length === 0 ? data : nameBytes(readName(bytes, inside));
  if (length > 0 && inside.left > 0) throw malformed(what, 'a name that is not as long as its record');
  return { at, name, type, class: of, ttl, data: whole };
}

/**
 * A name, absolute and without the dot at its end; other bytes than letters, digits, `-` and `_` as `\DDD` (RFC 1035 section 4.1.4). A pointer leads to what stands before the name it is part of, so that none leads in a circle. TEAL-WIRE-001.
 */
export function readName(bytes: Buffer, body: BodyReader): string {
  const labels: string[] = [];
  let [reader, before, length] = [body, body.at, 1];
  for (;;) {
    const size = reader.uint8();
    if (size === 0) return labels.join('.');
    if (size < 0x40) {
      length += 1 + size;
      if (length > longestName) throw malformed(what, 'a name longer than 255 bytes');
      labels.push(labelText(reader.bytes(size)));
    } else {
      if (size < 0xc0) throw malformed(what, 'a label of an unknown kind');
      const to = ((size & 0x3f) << 8) | reader.uint8();
      if (to >= before || to < headerBytes) throw malformed(what, 'a name that points forward');
      before = to;
      reader = new BodyReader(bytes, what, to);
    }
  }
}

function labelText(label: Buffer): string {
  return label
    .toString('latin1')
    .replace(/[^A-Za-z0-9_-]/g, (each) => `\\${each.charCodeAt(0).toString().padStart(3, '0')}`);
}

/** Letters of ASCII alone: no other byte has a case (RFC 4343). */
export function lower(name: string): string {
  return name.replace(/[A-Z]/g, (each) => each.toLowerCase());
}

/** The bytes of a name as `readName` gives it, without pointers. TEAL-WIRE-001 for what is none. */
export function nameBytes(name: string): Buffer {
  const labels = name === '' ? [] : name.split('.');
  const parts = labels.map((label) => {
    const bytes = Buffer.from(
      label.replace(/\\(\d{3})/g, (_, code: string) => String.fromCharCode(Number(code))),
      'latin1',
    );
    if (bytes.length === 0 || bytes.length > 63)
      throw malformed('a name of DNS', 'a label of 0, or of more than 63, bytes');
    return Buffer.concat([Buffer.of(bytes.length), bytes]);
  });
  const whole = Buffer.concat([...parts, Buffer.of(0)]);
  if (whole.length > longestName) throw malformed('a name of DNS', 'more than 255 bytes');
  return whole;
}

/** What is asked for: all records of a name and type. */
export function queryFor(id: number, name: string, type: number): Buffer {
  const message = header(id, opcodes.query, [1, 0, 0, 0]).bytes(nameBytes(name)).uint16(type).uint16(classes.IN);
  return Buffer.from(message.written());
}

export interface Update {
  readonly zone: string;
  readonly name: string;
  readonly type: number;
  /** Of what must be there: exactly these, or nothing is changed (RFC 2136 section 2.4.2). */
  readonly before: readonly Buffer[];
  /** What takes their place. */
  readonly after: readonly Buffer[];
  /** Seconds. */
  readonly ttl: number;
  /** False: what is there stays, and `after` is added to it. */
  readonly replaces: boolean;
}

/** One update of one set of records (RFC 2136 section 2): done whole, or not at all. */
export function updateOf(id: number, { zone, name, type, before, after, ttl, replaces }: Update): Buffer {
  const owner = nameBytes(name);
  const deletions = replaces ? 1 : 0;
  const message = header(id, opcodes.update, [1, before.length, deletions + after.length, 0])
    .bytes(nameBytes(zone))
    .uint16(recordTypes.SOA)
    .uint16(classes.IN);
  const record = (of: number, seconds: number, data: Buffer): void =>
    void message.bytes(owner).uint16(type).uint16(of).uint32(seconds).uint16(data.length).bytes(data);
  for (const data of before) record(classes.IN, 0, data);
  if (replaces) record(classes.ANY, 0, Buffer.alloc(0));
  for (const data of after) record(classes.IN, ttl, data);
  return Buffer.from(message.written());
}

function header(id: number, opcode: number, counts: readonly number[]): BodyWriter {
  const message = new BodyWriter().uint16(id).uint16(opcode << 11);
  for (const count of counts) message.uint16(count);
  return message;
}
