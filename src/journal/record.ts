import { TealError } from '../kernel/errors.ts';
import { redact } from '../kernel/redact.ts';
import { canonicalJson, sha256, type Json } from './canonical.ts';
import { EVENT_VERSION, journalEvent, type JournalEvent } from './events.ts';

/** One event with its place in the chain. */
export interface JournalRecord {
  /** 1 for the first, without gaps. */
  readonly seq: number;
  /** When it was written, ISO 8601 in UTC, for people: order comes from `seq` alone, for clocks jump. */
  readonly at: string;
  readonly event: JournalEvent;
  /** SHA-256 over the hash of the record before and this record's canonical text. */
  readonly hash: string;
}

/** A record as its table holds it. */
export interface RawRecord {
  readonly seq: number;
  readonly at: string;
  readonly type: string;
  readonly version: number;
  /** The event without its type, as canonical JSON. */
  readonly body: string;
  readonly hash: string;
}

/** What the first record's hash is chained to. */
export const GENESIS = '0'.repeat(64);

/** A record as the next one continues it. */
export interface ChainEnd {
  readonly seq: number;
  readonly hash: string;
}

/** Before the first record. */
export const genesis: ChainEnd = Object.freeze({ seq: 0, hash: GENESIS });

/** Makes the row for an event: secrets taken out, shape checked, chained to the record before. */
export function seal(event: JournalEvent, at: string, previous: ChainEnd): RawRecord {
  const checked = journalEvent.safeParse(withoutSecrets(event));
  if (!checked.success) {
    throw new TealError('TEAL-JOURNAL-004', `${event.type}: its fields are not as they should be`, {
      event: event.type,
      fields: checked.error.issues.map((issue) => issue.path.join('.')),
    });
  }
  const { type, ...body } = checked.data;
  const unhashed = { seq: previous.seq + 1, at, type, version: EVENT_VERSION, body: canonicalJson(body as Json) };
  return { ...unhashed, hash: chainHash(previous.hash, unhashed) };
}

/** The event of a row whose hash is right. TEAL-JOURNAL-006 when this version does not know it. */
export function unseal(raw: RawRecord): JournalRecord {
  const event = journalEvent.safeParse(parseBody(raw));
  if (!event.success || raw.version > EVENT_VERSION) {
    throw new TealError('TEAL-JOURNAL-006', `record ${raw.seq} is a "${raw.type}" of version ${raw.version}`, {
      seq: raw.seq,
      type: raw.type,
      version: raw.version,
    });
  }
  return Object.freeze({ seq: raw.seq, at: raw.at, event: event.data, hash: raw.hash });
}

function parseBody(raw: RawRecord): unknown {
  try {
    const body: unknown = JSON.parse(raw.body);
    return typeof body === 'object' && body !== null ? { ...body, type: raw.type } : undefined;
  } catch {
    // A right hash over a body that is no JSON: written by something else than this module, which the caller reports as unknown.
    return undefined;
  }
}

/** The records of rows in order, each checked against the one before. TEAL-JOURNAL-001 names the first that does not fit. */
export function* verifyChain(rows: Iterable<RawRecord>, after: ChainEnd = genesis): Generator<JournalRecord> {
  let previous = after;
  for (const raw of rows) {
    const fault = faultOfLink(previous, raw);
    if (fault !== undefined) {
      const fromSeq = previous.seq + 1;
      throw new TealError('TEAL-JOURNAL-001', `from record ${fromSeq} on it is not what was written: ${fault}`, {
        fromSeq,
      });
    }
    yield unseal(raw);
    previous = raw;
  }
}

/** Why a row is not the one that was written after `previous`; undefined when it is. */
export function faultOfLink(previous: ChainEnd, raw: RawRecord): string | undefined {
  const seq = previous.seq + 1;
  if (raw.seq !== seq) return `record ${seq} is not there, ${raw.seq} is the next`;
  return raw.hash === chainHash(previous.hash, raw)
    ? undefined
    : `the hash of record ${seq} is not that of its text after record ${previous.seq}`;
}

function chainHash(previousHash: string, raw: Omit<RawRecord, 'hash'>): string {
  const { seq, at, type, version, body } = raw;
  return sha256(`${previousHash}\n${canonicalJson({ seq, at, type, version, body })}`);
}

const secretName = /pass(word|phrase)?$|secret|credential|private_?key/i;

/** Every string through `redact`, and values under names that speak of a secret replaced: the last line, not the first, for callers hand over none. */
function withoutSecrets(value: unknown): unknown {
  if (typeof value === 'string') return redact(value);
  if (Array.isArray(value)) return value.map(withoutSecrets);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, member]) => member !== undefined)
      .map(([key, member]) => [
        key,
        typeof member === 'string' && secretName.test(key) ? '***' : withoutSecrets(member),
      ]),
  );
}
