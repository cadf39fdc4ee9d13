import { isSkippedByMirrorMaker } from '../carriers/connect/mirror-maker.ts';
import { TealError } from '../kernel/errors.ts';
import { otherSide, type Side } from '../model/catalog.ts';
import { isTopicSelected } from '../model/topic-selection.ts';
import type { Carrier } from '../ports/carrier.ts';
import type { AskValue } from '../ports/query.ts';
import type { SchemaComparison, SchemaLook, Schemas } from '../ports/schemas.ts';
import type { Step, StepFacts } from '../ports/step.ts';
import type { GroupsSpec, Spec } from '../spec/spec.ts';
import { deployStep } from '../stages/follow/follow-steps.ts';
import type { GroupPorts } from '../stages/groups/group-steps.ts';
import type { Stage } from '../stages/lifecycle/stages.ts';
import { kafkaFence } from '../systems/kafka/fence/kafka-fence.ts';
import { kafkaGroups } from '../systems/kafka/groups/kafka-groups.ts';
import type { KafkaFence, KafkaMove, KafkaRules, KafkaTopics } from '../systems/kafka/roles.ts';
import { kafkaRules } from '../systems/kafka/topics/kafka-rules.ts';
import { kafkaTopics } from '../systems/kafka/topics/kafka-topics.ts';
import { groupPrograms } from '../traffic/custom/group-desk.ts';
import type { SchemaRegistries } from '../systems/kafka/registry/registry.ts';
import { topicNames } from './assess-kafka.ts';
import { registriesOf, registryRemarks } from './registry-remarks.ts';
import { ClusterComparison } from './compare-clusters.ts';
import type { Comparison, ComparisonPorts } from './comparison.ts';
import {
  catchUpStep,
  closeStep,
  controlStep,
  holdBackStep,
  kafkaRemovalStep,
  followStep,
  mirrorMakerStep,
  mirrorStep,
  restoreStep,
  rulesStep,
  schemasStep,
  topicsStep,
  type MirrorMakerOfPair,
} from './kafka-steps.ts';
import type { Pair, PairTopics } from './pair.ts';

export interface KafkaPairOptions {
  readonly spec: Spec;
  /** What moves. */
  readonly topics: readonly string[];
}

/** How long the mirror may take to come to where a group that has just stopped stands. */
const mirrorMs = 60_000;

/** As in the names on the clusters. */
export function kafkaMoveOf({ name, blue, green, connect }: Spec, topics: readonly string[]): KafkaMove {
  const urls = { blue: blue.url, green: green.url };
  return { urls, migration: name.replaceAll('-', '_'), topics, foreign: connect !== undefined };
}

/** Two clusters of Kafka: topics of the same names, partitions and records on both. */
export class KafkaPair implements Pair {
  readonly fences: Readonly<Record<Side, KafkaFence>>;
  readonly schemas: Schemas;
  readonly groups: GroupPorts;
  readonly topics: PairTopics;
  readonly #options: KafkaPairOptions;
  readonly #move: KafkaMove;
  readonly #topics: KafkaTopics;
  readonly #rules: KafkaRules;
  readonly #registries: SchemaRegistries | undefined;

  constructor(options: KafkaPairOptions) {
    const { spec, topics } = options;
    const move = kafkaMoveOf(spec, topics);
    if (spec.connect !== undefined) refuseSkipped(topics);
    const groups = kafkaGroups(move);
    const wanted = groupsOf(spec);
    const isSelected = (group: string): boolean => isTopicSelected(group, wanted);
    this.#options = options;
    this.#move = move;
    this.#topics = kafkaTopics(move);
    this.#rules = kafkaRules(move, async () => (await groups.list('blue')).map(({ id }) => id).filter(isSelected));
    this.#registries = registriesOf(spec);
    this.fences = { blue: kafkaFence(move, 'blue'), green: kafkaFence(move, 'green') };
    this.topics = {
      names: topics,
      fencesOf: (only) => ({ blue: kafkaFence(move, 'blue', { only }), green: kafkaFence(move, 'green', { only }) }),
      ...(spec.connect === undefined ? {} : { obstacle: 'MirrorMaker carries all topics until the first cut' }),
    };
    this.schemas = this.#schemas();
    this.groups = {
      groups,
      isSelected,
      limits: { patienceMs: wanted.patienceMs, mirrorMs, maxLag: BigInt(wanted.maxLag) },
      ...(wanted.desk === undefined ? {} : { desk: groupPrograms({ ...wanted.desk, timeoutMs: wanted.timeoutMs }) }),
    };
  }

  /** The file's gates have no SQL: it says so where one stands. */
  readonly ask: AskValue = async () => {
    throw new TealError('TEAL-APP-006', 'a cluster of Kafka is asked nothing by SQL');
  };

  comparison(ports: ComparisonPorts): Comparison {
    return new ClusterComparison({ ...ports, move: this.#move });
  }

  stages(carrier: Carrier): readonly Stage[] {
    return [
      {
        id: 'prepare',
        title: 'Prepare',
        steps: [
          controlStep('blue', this.fences.blue),
          controlStep('green', this.fences.green),
          topicsStep(this.#topics, this.#options.topics.length),
          closeStep(this.fences.green),
          holdBackStep(this.#topics),
          rulesStep(this.#rules),
          ...(this.#registries === undefined ? [] : [schemasStep(this.#registries)]),
          ...this.#connectSteps(),
        ],
      },
      {
        id: 'copy',
        title: 'Copy',
        steps: [
          this.#options.spec.connect === undefined ? mirrorStep(carrier) : followStep(carrier),
          catchUpStep(carrier),
        ],
      },
      {
        id: 'follow',
        title: 'Follow',
        steps: [
          {
            ...deployStep('reverse', carrier),
            does: 'starts the mirror green to blue in shadow: it carries nothing, and would see a stray record on green',
            costs: 'a few requests a second',
            undone: 'the worker is stopped',
          },
        ],
      },
    ];
  }

  removalSteps(live: Side, _remembered: (step: string) => StepFacts | undefined): readonly Step[] {
    const keepClosed = this.#options.spec.finalise.blue === 'keep';
    return [
      restoreStep(this.#topics),
      ...(['blue', 'green'] as const).map((side) =>
        kafkaRemovalStep(side, this.fences[side], keepClosed && side !== live),
      ),
    ];
  }

  async releaseSnapshot(): Promise<void> {
    // A log is read as it lies: nothing is held.
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Each question has a connection of its own.
  }

  #connectSteps(): readonly Step[] {
    const { connect } = this.#options.spec;
    if (connect === undefined) return [];
    // Loaded when it is needed.
    const maker = async (): Promise<MirrorMakerOfPair> =>
      (await import('./mirror-maker.ts')).mirrorMakerOf(this.#move, connect, () => undefined);
    return [
      mirrorMakerStep(
        {
          isPrepared: async (signal) => (await maker()).isPrepared(signal),
          prepare: async (signal) => (await maker()).prepare(signal),
          retire: async (signal) => (await maker()).retire(signal),
        },
        this.fences.green,
      ),
    ];
  }

  /** What of two clusters is like a schema: which topics there are, and how they are divided. */
  #schemas(): Schemas {
    const look = async (live: Side): Promise<SchemaLook> => {
      const [{ missing, unlike }, unmoved] = await Promise.all([this.#topics.look(), this.#unmoved(live)]);
      const other = otherSide(live);
      return {
        lacking: [...missing.map((topic) => `topic ${topic} is not on ${other}`), ...unlike],
        surplus: [],
        unmoved,
      };
    };
    return {
      look,
      lacking: async (live) => (await look(live)).lacking,
      blocked: async () => [],
      compare: async (live): Promise<SchemaComparison> => {
        const [looked, missing, schemas] = await Promise.all([
          look(live),
          this.#rules.missing(),
          registryRemarks(this.#options.spec, live),
        ]);
        // No statement changes it under a cut but one that makes a topic, and that is in no way of the others.
        const mark = { digest: '', objects: {} };
        return {
          ...looked,
          objects: [...(live === 'blue' ? missing.map((rule) => `green lacks ${rule}`) : []), ...schemas],
          refused: [],
          mark,
        };
      },
    };
  }

  async #unmoved(live: Side): Promise<readonly string[]> {
    const { spec, topics } = this.#options;
    const moved = new Set(topics);
    const there = await topicNames(spec, live);
    return there
      .filter((topic) => !moved.has(topic))
      .map(
        (topic) =>
          `topic ${topic} was made on ${live} after the migration began: no mirror carries it. Exclude it in \`topics\`, or begin anew`,
      );
  }
}

/** TEAL-CARRIERS-052: nobody would ever miss what such a topic holds. */
function refuseSkipped(topics: readonly string[]): void {
  const skipped = topics.filter(isSkippedByMirrorMaker);
  if (skipped.length === 0) return;
  throw new TealError('TEAL-CARRIERS-052', skipped.slice(0, 10).join(', '), { topics: skipped.slice(0, 100) });
}

function groupsOf({ groups }: Spec): GroupsSpec {
  // The normal form of a file of Kafka has it.
  if (groups === undefined) throw new TealError('TEAL-APP-006', 'no groups are told of these systems');
  return groups;
}
