import { isoNow, monotonicMs } from '../kernel/clock.ts';
import { TealError } from '../kernel/errors.ts';
import { amountText } from '../kernel/vocabulary.ts';
import { otherSide, type Side } from '../model/catalog.ts';
import { offsetsInShort, offsetsText } from '../model/log-offsets.ts';
import { flowFrom, type Equalizer } from '../stages/cutover/cut-steps.ts';
import { printableBrokers } from '../systems/kafka/address.ts';
import { connect } from '../systems/kafka/connection.ts';
import type { ComparedTopic, KafkaComparison, KafkaMove } from '../systems/kafka/roles.ts';
import { compareClusters } from '../systems/kafka/verify/compare-clusters.ts';
import { sealCertificate, type Certificate, type CertificateTable } from '../verify/certificate.ts';
import type { Comparison, ComparisonPorts, Verification } from './comparison.ts';
import type { ComparedTable } from './differences.ts';
import { registryRemarks } from './registry-remarks.ts';
import { keepCertificate } from './keep-certificate.ts';

/** So long a position may be in the journal. */
const journalledPosition = 200;

export interface ClusterComparisonOptions extends ComparisonPorts {
  readonly move: KafkaMove;
}

/** Two clusters under comparison: every record through the map of offsets, of compacted topics the newest of each key. It stops no mirror: of a log what was compared stays as it was. */
export class ClusterComparison implements Comparison {
  readonly #options: ClusterComparisonOptions;

  constructor(options: ClusterComparisonOptions) {
    this.#options = options;
  }

  /** Whatever somebody else has written on the side that is not live is a difference, and stays one. */
  settled(): number {
    return 0;
  }

  async verify(live: Side): Promise<Verification> {
    const { move, signal, onEvent } = this.#options;
    const [startedAt, began] = [isoNow(), monotonicMs()];
    const sides = { blue: await this.#identify('blue'), green: await this.#identify('green') };
    const compared = await compareClusters(move, {
      signal,
      onProgress: ({ records, partitions, of }) =>
        onEvent({
          kind: 'verify progress',
          text: `${records} records, ${partitions} of ${of} partitions`,
          done: partitions,
          total: of,
        }),
    });
    const remarks = [...compared.remarks, ...(await registryRemarks(this.#options.loaded.spec, live, signal))];
    const side = (which: Side): Certificate['live'] => ({
      side: which,
      version: `Kafka, cluster ${sides[which]}`,
      address: printableBrokers(move.urls[which]),
      position: offsetsText(compared.positions[which]),
      snapshotAt: startedAt,
    });
    const certificate = sealCertificate({
      format: 'teal-certificate',
      version: 1,
      migration: this.#options.loaded.spec.name,
      flow: flowFrom(live),
      result: compared.equal ? 'equal' : 'differs',
      precision: 'full',
      startedAt,
      durationMs: Math.round(monotonicMs() - began),
      heldMs: 0,
      live: side(live),
      other: side(otherSide(live)),
      tables: compared.topics.map(certified),
      objects: {
        compared: { remarks: remarks.length },
        differences: remarks.map((remark) => ({ kind: 'remark', name: remark, what: 'defined differently' })),
      },
    });
    return this.#told(live, compared, certificate);
  }

  equalizer(): Equalizer {
    throw this.#cannotRepair();
  }

  async repairScript(): Promise<readonly string[]> {
    return [];
  }

  async repair(): Promise<number> {
    throw this.#cannotRepair();
  }

  #cannotRepair(): TealError {
    return new TealError('TEAL-VERIFY-007', 'records of a log cannot be changed or taken away one by one');
  }

  async #identify(side: Side): Promise<string> {
    const { move, signal } = this.#options;
    await using connection = await connect({ url: move.urls[side], clientId: `teal verify ${side}`, signal });
    return connection.clusterId;
  }

  #told(live: Side, compared: KafkaComparison, certificate: Certificate): Verification {
    const { loaded, journal, onEvent } = this.#options;
    const { name, file } = keepCertificate(loaded.stateDir, certificate, 'topics');
    const { equal, topics } = compared;
    const rows = topics.reduce((sum, { records }) => sum + records, 0n);
    const different = topics.filter(({ outcome }) => outcome !== 'equal').length;
    if (equal) {
      journal.append({
        type: 'certificateIssued',
        certificate: name,
        blue: offsetsInShort(compared.positions.blue, journalledPosition),
        green: offsetsInShort(compared.positions.green, journalledPosition),
        tables: topics.length,
        rows: String(rows),
        digest: certificate.sha256,
      });
    }
    const partitions = topics.reduce((sum, topic) => sum + topic.partitions, 0);
    const amount = { tables: topics.length, rows: String(rows), partitions };
    onEvent({ kind: 'verified', equal, ...amount, different, file, of: 'topics' });
    const evidence = equal
      ? `${amountText(amount, 'topics')}, equal (${file})`
      : `${different} of ${topics.length} topics differ (${file})`;
    // Of topics nothing is repaired: outcomes by rows are of tables.
    const result = { certificate, tables: [] };
    return { verified: { equal, evidence }, live, tables: topics.map(comparedTopic), result, file, of: 'topics' };
  }
}

function certified({ topic, records, by, outcome, why, digest }: ComparedTopic): CertificateTable {
  const isEqual = outcome === 'equal';
  const counts = { blue: String(records), green: String(records) };
  return {
    schema: 'topic',
    name: topic,
    outcome: isEqual ? 'equal' : 'differs',
    ...(isEqual ? { rows: counts, digest: { blue: digest, green: digest } } : { reason: why.join('; ') }),
    keyed: by === 'keys',
    leftOut: [],
    differentTypes: [],
  };
}

function comparedTopic({ topic, outcome, why }: ComparedTopic): ComparedTable {
  const none = { missing: { blue: 0, green: 0 }, different: 0, rows: [], truncated: false, causes: [] };
  if (outcome === 'equal') return { table: topic, outcome: 'equal', ...none };
  return { table: topic, outcome: 'differs', reason: why.join('; '), ...none };
}
