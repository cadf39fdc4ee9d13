import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Files that take minutes. Begun last, one of them would keep one worker busy while the others have nothing left. */
const longest = [
  'test/checker/run/check.e2e.test.ts',
  'test/migration/mirror-maker.kafka.test.ts',
  'test/migration/killed-controller.e2e.test.ts',
  'src/testing/relational.mysql.test.ts',
  'test/migration/connect-mysql.kafka.test.ts',
  'test/outbox/with-the-topic.e2e.test.ts',
  'test/migration/standby-stages.e2e.test.ts',
  'test/types/connect-types.kafka.test.ts',
  'test/migration/connect.kafka.test.ts',
  'test/console/console.e2e.test.ts',
  'test/checker/run/mysql.e2e.test.ts',
  'test/migration/recovery.e2e.test.ts',
  'test/migration/mysql-mapping.e2e.test.ts',
  'test/checker/logs/run-seed.kafka.test.ts',
  'test/migration/kafka-topics.kafka.test.ts',
];

const kinds = ['e2e', 'kafka', 'mysql', 'pg'];

/** Smaller is earlier: the longest files, then kinds of tests from the heaviest to the lightest. */
export function rank(file: string): number {
  const place = longest.findIndex((name) => file.endsWith(name));
  if (place >= 0) return place;
  const kind = kinds.findIndex((name) => file.endsWith(`.${name}.test.ts`));
  return longest.length + (kind < 0 ? kinds.length : kind);
}

/** Within a group of projects the longest files first; what ranks alike in vitest's own order, the largest file first. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const group = ({ project }: TestSpecification): number => project.config.sequence.groupOrder;
    const sorted = await super.sort(files);
    return sorted.sort((a, b) => group(a) - group(b) || rank(a.moduleId) - rank(b.moduleId));
  }
}
