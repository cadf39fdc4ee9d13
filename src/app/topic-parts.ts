import { TealError } from '../kernel/errors.ts';
import { isCutOpen, type MigrationState } from '../journal/state.ts';
import { isTopicSelected } from '../model/topic-selection.ts';
import type { Side } from '../model/catalog.ts';
import type { PairTopics } from './pair.ts';

export { topicsCommand } from '../journal/state.ts';

/** What of a log a cut is about where it is not about all of it: topics that `from` owns. */
export interface TopicPart {
  readonly from: Side;
  readonly topics: readonly string[];
}

/** One string of a program's environment may have 128 KiB on Linux. */
const longestNames = 100_000;

/**
 * What `--topic` asks for: of the topics that blue owns those that one of these names or patterns selects. `all`: none would be left. TEAL-APP-060 where nothing is cut one by one, -061 where one
 * of them selects no topic of the migration.
 */
export function partToCut(
  { ahead }: Pick<MigrationState, 'ahead'>,
  topics: PairTopics | undefined,
  wanted: readonly string[],
): { readonly part: TopicPart; readonly isAll: boolean } {
  if (topics === undefined) throw new TealError('TEAL-APP-060', 'these systems have no topics');
  if (topics.obstacle !== undefined) throw new TealError('TEAL-APP-060', topics.obstacle);
  const { names } = topics;
  const onBlue = restOf(ahead, names);
  const unknown = wanted.filter((pattern) => !names.some((name) => isTopicSelected(name, { include: [pattern] })));
  if (unknown.length > 0) {
    throw new TealError('TEAL-APP-061', unknown.slice(0, 10).join(', '), { unknown, onBlue: onBlue.slice(0, 100) });
  }
  const selected = onBlue.filter((name) => isTopicSelected(name, { include: wanted }));
  return { part: { from: 'blue', topics: selected }, isAll: selected.length === onBlue.length };
}

/** Those that the cut that is open, or the next one, is about; undefined: all of the migration. `part`: what the next one was asked for. Pure. */
export function topicsOfCut(
  state: Pick<MigrationState, 'life' | 'ahead'>,
  topics: PairTopics | undefined,
  part?: TopicPart,
): readonly string[] | undefined {
  const { life, ahead } = state;
  const named = isCutOpen(state) && 'cut' in life ? life.cut.topics : part?.topics;
  if (named !== undefined || ahead.length === 0 || topics === undefined) return named;
  return restOf(ahead, topics.names);
}

/** TEAL-APP-062. A program is told of them all. */
export function requireTellable(topics: readonly string[]): void {
  const bytes = topics.reduce((sum, topic) => sum + topic.length + 1, 0);
  if (bytes > longestNames) throw new TealError('TEAL-APP-062', `${topics.length} topics`, { bytes });
}

function restOf(ahead: readonly string[], names: readonly string[]): readonly string[] {
  const gone = new Set(ahead);
  return names.filter((name) => !gone.has(name));
}
