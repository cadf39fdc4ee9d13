import type { Judged } from './judge.ts';
import type { Sample, WriteSample } from './sample.ts';
import type { SkipReason } from './skip-reason.ts';

/** Of the answer to one unit of a client. */
export const answerLimitBytes = 256 << 10;

/** What a tap asks of those who compare. */
export interface TapDesk {
  /** Reads are taken from clients now. */
  readonly isOpen: boolean;
  /** Nothing is compared any more. */
  readonly isOver: boolean;
  /** Whether the next read is one of the share. */
  draws(): boolean;
  judge(text: string): Judged;
  skip(why: SkipReason): void;
  offer(sample: Sample): void;
  /** Whether the next transaction that writes is one of the share. */
  drawsWrite(): boolean;
  skipWrite(why: SkipReason): void;
  offerWrite(sample: WriteSample): void;
  /** Something of a client was not understood. */
  failed(error: unknown): void;
}

/** Where the session stands just before a message of its client is passed on. */
export interface TapPlace {
  /** Nothing is in flight, and the answer to what begins here begins with the next byte. */
  readonly alone: boolean;
  /** As in the last ReadyForQuery. */
  readonly status: number;
  /** The Parse of a statement that the session has. */
  readonly parseOf: (name: string) => Buffer | undefined;
}
