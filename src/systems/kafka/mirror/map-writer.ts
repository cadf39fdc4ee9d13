import { nowMs } from '../../../kernel/clock.ts';
import { gatherRecords, writeContent } from '../../../wire/kafka/record.ts';
import type { BatchToProduce } from '../../../wire/kafka/record-batch.ts';
import type { LedPartition } from './cluster.ts';
import { writeBlock, writeBlockKey, type MapBlock, type MapOwner } from './map-block.ts';
import type { Transactions } from './transactions.ts';

/** Half a megabyte at the very most, which every topic takes in one batch. */
const blocksPerBatch = 64;

/** Blocks of one partition's map, on their way into its topic. */
export class MapWriter implements AsyncDisposable {
  readonly #transactions: Transactions;
  readonly #map: LedPartition;
  readonly #owner: MapOwner;

  constructor(transactions: Transactions, map: LedPartition, owner: MapOwner) {
    this.#transactions = transactions;
    this.#map = map;
    this.#owner = owner;
  }

  /** A transaction of the map alone. */
  async begin(): Promise<void> {
    await this.#transactions.begin([this.#map]);
  }

  /** Ends the transaction that is open with these blocks. */
  async write(blocks: readonly MapBlock[], written: () => void = () => undefined): Promise<void> {
    for (let at = 0; at < blocks.length; at += blocksPerBatch) {
      await this.#transactions.produce(this.#map, mapRecords(this.#owner, blocks.slice(at, at + blocksPerBatch)));
    }
    written();
    await this.#transactions.commit();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#transactions[Symbol.asyncDispose]();
  }
}

function mapRecords(owner: MapOwner, blocks: readonly MapBlock[]): BatchToProduce {
  const timestamp = BigInt(nowMs());
  const contents = blocks.map((block) => writeContent(writeBlockKey(owner, block.number), writeBlock(block)));
  return gatherRecords(contents.map((content) => ({ timestamp, content })));
}
