import {
  judgeGroup,
  judgeLog,
  type GroupEvent,
  type LogRecord,
  type LogVerdict,
  type Sending,
} from '../../../src/testing/checker/log-history.ts';
import { checkRun, type Comparison, type Replay, type Violation } from '../../../src/testing/checker/invariants.ts';

/** A time in which a fault breaks clients itself, by the clock of the sendings. */
export interface BrokenTime {
  readonly fromMs: number;
  readonly untilMs: number;
}

/** Everything that was seen of one run of two clusters. */
export interface LogRun {
  readonly sendings: readonly Sending[];
  /** Producers that nobody holds: they meet the fence. */
  readonly unheld: readonly string[];
  /** Topics and what was met of them, by group. */
  readonly groups: Readonly<
    Record<string, { readonly topics: readonly string[]; readonly events: readonly GroupEvent[] }>
  >;
  /** The owner's, at the end: partition after partition. */
  readonly log: readonly LogRecord[];
  readonly broken: readonly BrokenTime[];
  readonly comparisons: readonly Comparison[];
  readonly replays: readonly Replay[];
  /** Topics of Teal's that are there after an end. */
  readonly left: readonly string[];
}

/**
 * Pure: what is wrong with a run, by the numbers of the invariants of databases: 1 acknowledged records are there once, and every group meets each once; 2 nothing else is there; 3 a key has its
 * order; 8 a producer that can be held sees no error but those of faults; 9 nothing of Teal is left after the end; 10 both sides are equal; 12 what is done is not done again.
 */
export function judgeLogRun(run: LogRun): readonly Violation[] {
  const whole = judgeLog(run.sendings, run.log);
  const groups = Object.entries(run.groups).flatMap(([group, { topics, events }]) => {
    const sendings = run.sendings.filter(({ topic }) => topics.includes(topic));
    return violationsOf(`group ${group}`, judgeGroup(sendings, events));
  });
  const { comparisons, replays } = run;
  return [
    ...violationsOf('the log', whole),
    ...groups,
    ...errorsOf(run),
    ...run.left.map((topic): Violation => ({ invariant: 9, text: `${topic} is there after the end` })),
    ...checkRun({ comparisons, replays }),
  ];
}

function violationsOf(where: string, { texts, ...counts }: LogVerdict): readonly Violation[] {
  const invariants = { lost: 1, doubled: 1, strange: 2, disordered: 3 } as const;
  return (Object.keys(invariants) as (keyof typeof invariants)[]).flatMap((what): Violation[] =>
    counts[what] === 0
      ? []
      : [
          {
            invariant: invariants[what],
            text: `${where}: ${counts[what]} ${what} of ${counts.records}: ${texts.join('; ')}`,
          },
        ],
  );
}

function errorsOf({ sendings, unheld, broken }: LogRun): readonly Violation[] {
  const isExcused = ({ fromMs, untilMs }: Sending): boolean =>
    broken.some((time) => fromMs <= time.untilMs && untilMs >= time.fromMs);
  return sendings.flatMap((sending): Violation[] => {
    const [first] = sending.records;
    const mayBeRefused = sending.outcome === 'fail' && unheld.includes(first?.producer ?? '');
    if (first === undefined || sending.outcome === 'ok' || mayBeRefused || isExcused(sending)) return [];
    const end = sending.outcome === 'fail' ? 'was refused' : 'got no answer';
    return [{ invariant: 8, text: `${first.producer}:${first.number} ${end}` }];
  });
}
