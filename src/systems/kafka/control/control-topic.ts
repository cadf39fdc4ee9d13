import { nowMs } from '../../../kernel/clock.ts';
import { TealError } from '../../../kernel/errors.ts';
import { gatherRecords, readContent, writeContent } from '../../../wire/kafka/record.ts';
import type { Cluster, LedPartition } from '../mirror/cluster.ts';
import { readCommitted } from '../mirror/read-committed.ts';
import { Transactions } from '../mirror/transactions.ts';
import { controlIdOf, controlTopicOf } from '../names.ts';
import { createTopic } from '../topics/make-topic.ts';
import { settled } from '../settled.ts';
import { foldControl, type ControlRecord, type ControlState } from './control-state.ts';

const transactionTimeoutMs = 30_000;
const openTransactionsMs = 2 * transactionTimeoutMs;

/**
 * The control topic of a migration on one side: one partition, nothing is ever removed from it. It stands for what databases keep in a table: the token of a cut, where a cut fell, and who owns
 * the records. A record is JSON with its `kind`; several may write, each in transactions of its own.
 */
export class ControlTopic {
  readonly #cluster: Cluster;
  readonly #migration: string;
  readonly #records: ControlRecord[] = [];
  #next: bigint | undefined;
  /** As it was found last. */
  #led: LedPartition | undefined;

  constructor(cluster: Cluster, migration: string) {
    this.#cluster = cluster;
    this.#migration = migration;
  }

  get name(): string {
    return controlTopicOf(this.#migration);
  }

  /** Makes it where it is not there. Idempotent. */
  async create(signal: AbortSignal): Promise<void> {
    const configs = { 'cleanup.policy': 'delete', 'retention.ms': '-1', 'retention.bytes': '-1' };
    await createTopic(this.#cluster, { topic: this.name, partitions: 1, configs });
    // Its leader hears that it leads a moment after everybody else does.
    await settled(`the topic ${this.name}`, signal, async () => this.#cluster.offsetOf(await this.#place(), 'latest'));
  }

  async exists(): Promise<boolean> {
    return (await this.#cluster.partitionsOf([this.name])).size > 0;
  }

  /** What it says up to the end that it has at the call. Reads only what is new since the call before. A topic that is not there says nothing. */
  async state(signal: AbortSignal): Promise<ControlState> {
    const place = this.#led ?? (await this.#find());
    if (place !== undefined) {
      try {
        await this.#read(place, signal);
      } catch (error) {
        // It may be led by another broker now, or be another topic: it is looked for anew.
        this.#led = undefined;
        throw error;
      }
    }
    return foldControl(this.#records);
  }

  async #read(place: LedPartition, signal: AbortSignal): Promise<void> {
    const end = await this.#cluster.offsetOf(place, 'latest');
    const from = this.#next ?? (await this.#cluster.offsetOf(place, 'earliest'));
    const limits = { openTransactionsMs, signal };
    const found: ControlRecord[] = [];
    for await (const { content } of readCommitted(this.#cluster, place, { from, end }, limits)) {
      found.push(recordOf(readContent(content).value));
    }
    this.#records.push(...found);
    this.#next = end;
  }

  /** Durable when it resolves, all of them or none. `writer`: who begins under it ends who writes under it. */
  async append(writer: string, records: readonly ControlRecord[], signal: AbortSignal): Promise<void> {
    const place = await this.#place();
    const transactionalId = controlIdOf(this.#migration, writer);
    const options = { cluster: this.#cluster, transactionalId, transactionTimeoutMs, signal };
    await using transactions = await settled('a coordinator of transactions', signal, async () =>
      Transactions.open(options, undefined),
    );
    await transactions.begin([place]);
    const timestamp = BigInt(nowMs());
    const contents = records.map((record) =>
      writeContent(Buffer.from(record.kind), Buffer.from(JSON.stringify({ version: 1, ...record }))),
    );
    await transactions.produce(place, gatherRecords(contents.map((content) => ({ timestamp, content }))));
    await transactions.commit();
  }

  /** Begins a transaction there and gives it up: TEAL-SYSTEMS-010 where Teal may not write. Nothing is written. */
  async proveWriting(writer: string, signal: AbortSignal): Promise<void> {
    const place = await this.#place();
    const transactionalId = controlIdOf(this.#migration, writer);
    const options = { cluster: this.#cluster, transactionalId, transactionTimeoutMs, signal };
    await using transactions = await Transactions.open(options, undefined);
    await transactions.begin([place]);
  }

  async #find(): Promise<LedPartition | undefined> {
    this.#led = (await this.#cluster.partitionsOf([this.name])).get(this.name)?.[0];
    return this.#led;
  }

  async #place(): Promise<LedPartition> {
    const place = await this.#find();
    if (place !== undefined) return place;
    throw new TealError('TEAL-SYSTEMS-401', `the topic ${this.name} is not there`, {
      topic: this.name,
      answer: 'UNKNOWN_TOPIC_OR_PARTITION',
    });
  }
}

/** TEAL-SYSTEMS-661 for what is none of Teal's records. */
function recordOf(value: Buffer | null): ControlRecord {
  try {
    const record = JSON.parse(value?.toString('utf8') ?? '') as ControlRecord & { readonly version: number };
    if (record.version === 1 && typeof record.kind === 'string') return record;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw new TealError('TEAL-SYSTEMS-661', 'a record of the control topic is none of this Teal');
}
