import { createHash, type Hash } from 'node:crypto';
import type { ComparedTopic } from '../roles.ts';

const mostTold = 20;

/** What was found of one topic. Names offsets, never what a record holds. */
export class Findings {
  readonly #topic: string;
  readonly #why: string[] = [];
  readonly #hash: Hash = createHash('sha256');
  #differences = 0;
  #records = 0n;
  #repeated = 0n;

  constructor(topic: string) {
    this.#topic = topic;
  }

  /** −1: of no partition. */
  differs(partition: number, what: string): void {
    this.#differences += 1;
    if (this.#why.length < mostTold) this.#why.push(partition < 0 ? what : `${this.#topic}/${partition}: ${what}`);
  }

  /** A record of the live side was compared, or a piece that stands for records. */
  counts(records: bigint, digested: Uint8Array): void {
    this.#records += records;
    this.#hash.update(digested);
  }

  /** A record of green came a second time. */
  repeats(): void {
    this.#repeated += 1n;
  }

  /** Once, at the end. */
  told(): Pick<ComparedTopic, 'records' | 'repeated' | 'outcome' | 'why' | 'digest'> {
    const more = this.#differences - this.#why.length;
    return {
      records: this.#records,
      repeated: this.#repeated,
      outcome: this.#differences === 0 ? 'equal' : 'different',
      why: more > 0 ? [...this.#why, `and ${more} more`] : this.#why,
      digest: this.#hash.digest('hex'),
    };
  }
}
