import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Files that take minutes. Begun last, one of them would keep one worker busy while the others have nothing left. */
const longest = [
  'test/migration/killed-controller.e2e.test.ts',
  'test/migration/mirror-maker.kafka.test.ts',
  'test/migration/recovery.e2e.test.ts',
  'test/checker/run/check.e2e.test.ts',
  'test/types/connect-types.kafka.test.ts',
  'test/migration/kafka-topics.kafka.test.ts',
  'test/migration/connect.kafka.test.ts',
  'test/checker/logs/run-seed.kafka.test.ts',
  'src/testing/relational.mysql.test.ts',
  'test/migration/standby.e2e.test.ts',
  'test/migration/standby-stages.e2e.test.ts',
  'test/migration/canary-tenants.e2e.test.ts',
  'src/systems/mysql/source.mysql.test.ts',
  'test/migration/triggers.e2e.test.ts',
];

const kinds = ['e2e', 'kafka', 'mysql', 'pg'];

/** Its place among the longest, -1 where it is none of them. */
function placeOf(file: string): number {
  return longest.findIndex((name) => file.endsWith(name));
}

function kindOf(file: string): string {
  return kinds.find((name) => file.endsWith(`.${name}.test.ts`)) ?? 'unit';
}

/**
 * Smaller is earlier: the longest files, then all kinds side by side, each from its first file to its last. Migrations and brokers keep the processors busy, tests of one adapter wait for their servers most of the time: one kind
 * after the other would leave the processors with nothing to do in the second half. `files`: in the order that those of one kind are to have.
 */
export function ranks(files: readonly string[]): ReadonlyMap<string, number> {
  const rank = new Map<string, number>();
  for (const alike of Map.groupBy(files, kindOf).values()) {
    const others = alike.filter((file) => placeOf(file) < 0);
    for (const [at, file] of others.entries()) rank.set(file, longest.length + (at + 0.5) / others.length);
  }
  for (const file of files) if (placeOf(file) >= 0) rank.set(file, placeOf(file));
  return rank;
}

/** Within a group of projects by `ranks`; what ranks alike in vitest's own order, the largest file first. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const group = ({ project }: TestSpecification): number => project.config.sequence.groupOrder;
    const sorted = await super.sort(files);
    const rank = ranks(sorted.map(({ moduleId }) => moduleId));
    const of = ({ moduleId }: TestSpecification): number => rank.get(moduleId) ?? 0;
    return sorted.sort((a, b) => group(a) - group(b) || of(a) - of(b));
  }
}
