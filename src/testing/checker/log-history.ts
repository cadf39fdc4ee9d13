import type { Side } from '../../model/catalog.ts';

/** A record, by who sent it under which number. The numbers of a producer ascend, none comes twice, and each key is one producer's. */
export interface LogRecord {
  readonly producer: string;
  readonly key: string;
  readonly number: number;
}

/** One act of a producer: a record alone, or all of one transaction. */
export interface Sending {
  readonly topic: string;
  readonly records: readonly LogRecord[];
  /** `ok`: acknowledged. `fail`: refused or taken back, and nowhere. `info`: nobody knows. */
  readonly outcome: 'ok' | 'fail' | 'info';
  /** Of a monotonic clock. */
  readonly fromMs: number;
  readonly untilMs: number;
}

/** What the one consumer of a group did, in its order. */
export type GroupEvent =
  /** It came, and goes on at what was committed. */
  | { readonly did: 'began'; readonly side: Side }
  | { readonly did: 'read'; readonly record: LogRecord }
  /** Everything that it has read counts as done: that was acknowledged. */
  | { readonly did: 'committed' };

/** What is wrong with a log, or with what a group has met of it. */
export interface LogVerdict {
  /** Acknowledged. */
  readonly records: number;
  /** Of these: never there, or never met. */
  readonly lost: number;
  /** There once more; met once more although it was done. */
  readonly doubled: number;
  /** After an acknowledged one of the same key that was sent later. */
  readonly disordered: number;
  /** Refused and there all the same, never sent, under another key; or of a transaction a part alone. */
  readonly strange: number;
  /** The first of each, for people: names and numbers. */
  readonly texts: readonly string[];
}

type Wrong = 'lost' | 'doubled' | 'disordered' | 'strange';

const textsOfEach = 5;

/**
 * Judges a log as it lies: `records` are partition after partition, each in its order. A record whose end nobody knows may be there once or not at all, at any place among those of its
 * key; a transaction of such is there whole or not at all.
 */
export function judgeLog(sendings: readonly Sending[], records: readonly LogRecord[]): LogVerdict {
  const book = new Book(sendings);
  const newest = new Map<string, number>();
  for (const record of records) {
    const sent = book.meet(record);
    if (sent === undefined) continue;
    if (sent.times > 1) book.wrong('doubled', `${nameOf(record)} is there ${sent.times} times`);
    else if (sent.outcome === 'ok') inOrder(book, newest, record);
  }
  return book.verdict('is not there');
}

/**
 * Judges what a group met of its topics. It may meet again what it had read and not committed when its consumer ended, and nothing else. (After a commit whose end nobody knows it may meet a
 * record again later than such a consumer would.)
 */
export function judgeGroup(sendings: readonly Sending[], events: readonly GroupEvent[]): LogVerdict {
  const book = new Book(sendings);
  const newest = new Map<string, number>();
  const committed = new Map<string, number>();
  const open = new Set<string>();
  for (const event of events) {
    if (event.did === 'committed') {
      for (const key of open) committed.set(key, newest.get(key) ?? 0);
      open.clear();
    } else if (event.did === 'began') {
      for (const key of open) newest.set(key, committed.get(key) ?? 0);
      open.clear();
    } else {
      const { record } = event;
      const sent = book.meet(record);
      if (sent === undefined) continue;
      open.add(record.key);
      const isPast = record.number <= (newest.get(record.key) ?? 0);
      if (isPast && sent.times > 1) book.wrong('doubled', `${nameOf(record)} was read again after it was done`);
      else if (sent.outcome === 'ok') inOrder(book, newest, record);
    }
  }
  return book.verdict('was never read');
}

/** Whether a group has met everything that was acknowledged. */
export function hasReadAll(sendings: readonly Sending[], events: readonly GroupEvent[]): boolean {
  const read = new Set(events.flatMap((event) => (event.did === 'read' ? [nameOf(event.record)] : [])));
  return sendings.every(
    ({ outcome, records }) => outcome !== 'ok' || records.every((record) => read.has(nameOf(record))),
  );
}

function inOrder(book: Book, newest: Map<string, number>, record: LogRecord): void {
  const last = newest.get(record.key) ?? 0;
  if (record.number < last) book.wrong('disordered', `${nameOf(record)} comes after ${record.producer}:${last}`);
  newest.set(record.key, Math.max(last, record.number));
}

interface Sent {
  readonly key: string;
  readonly outcome: Sending['outcome'];
  times: number;
}

/** What was sent, and how often each of it was met. */
class Book {
  readonly #sendings: readonly Sending[];
  readonly #sent = new Map<string, Sent>();
  readonly #wrong: Record<Wrong, string[]> = { lost: [], doubled: [], disordered: [], strange: [] };

  constructor(sendings: readonly Sending[]) {
    this.#sendings = sendings;
    for (const { records, outcome } of sendings) {
      for (const record of records) this.#sent.set(nameOf(record), { key: record.key, outcome, times: 0 });
    }
  }

  wrong(what: Wrong, text: string): void {
    this.#wrong[what].push(text);
  }

  /** Undefined where that alone is wrong already. */
  meet(record: LogRecord): Sent | undefined {
    const name = nameOf(record);
    const sent = this.#sent.get(name);
    if (sent === undefined) this.wrong('strange', `${name} was never sent`);
    else if (sent.key !== record.key) this.wrong('strange', `${name} has another key`);
    else if (sent.outcome === 'fail') this.wrong('strange', `${name} was refused`);
    else {
      sent.times += 1;
      return sent;
    }
    return undefined;
  }

  verdict(lost: string): LogVerdict {
    for (const { outcome, records } of this.#sendings) {
      const missing = records.filter((record) => this.#sent.get(nameOf(record))?.times === 0);
      if (outcome === 'ok') for (const record of missing) this.wrong('lost', `${nameOf(record)} ${lost}`);
      const isTorn = outcome === 'info' && missing.length > 0 && missing.length < records.length;
      if (isTorn) this.wrong('strange', `of a transaction ${missing.map(nameOf).join(', ')} alone ${lost}`);
    }
    const acknowledged = this.#sendings.filter(({ outcome }) => outcome === 'ok');
    const found = this.#wrong;
    return {
      records: acknowledged.reduce((sum, { records }) => sum + records.length, 0),
      lost: found.lost.length,
      doubled: found.doubled.length,
      disordered: found.disordered.length,
      strange: found.strange.length,
      texts: Object.values(found).flatMap((texts) => texts.slice(0, textsOfEach)),
    };
  }
}

function nameOf({ producer, number }: LogRecord): string {
  return `${producer}:${number}`;
}
