import { must } from '../../kernel/assert.ts';
import type { Side } from '../../model/catalog.ts';
import type { SequencesWorld } from '../sequences-contract.ts';

/** Each breaks the promise that it stands beside in memory.test.ts. */
export type SequencesFault =
  | 'leaves out those that count down'
  | 'counts what was committed'
  | 'leaves no headroom'
  | 'says that none is behind'
  | 'moves each time'
  | 'moves backwards'
  | 'cannot be aborted';

/** How many numbers were given; those of `cached` go to sessions ten at a time. */
interface Generator {
  readonly name: string;
  readonly sign: bigint;
  readonly block: bigint;
  given: bigint;
  inVain: bigint;
  kept: { next: bigint; readonly end: bigint };
}

const headroom = 100n;

export function memorySequencesWorld(fault?: SequencesFault): SequencesWorld {
  const sides: Readonly<Record<Side, readonly Generator[]>> = { blue: generators(), green: generators() };
  const of = (side: Side, name: string): Generator =>
    must(
      sides[side].find((each) => each.name === name),
      'a generator',
    );
  const known = ({ given, inVain }: Generator): bigint =>
    fault === 'counts what was committed' ? given - inVain : given;
  const isBehind = (from: Generator, to: Generator): boolean => {
    if (fault === 'leaves out those that count down' && from.sign < 0n) return false;
    return fault === 'moves each time' ? known(from) > 0n : to.given < known(from);
  };
  const behind = (from: Side, to: Side): readonly Generator[] =>
    sides[to].filter((each) => isBehind(of(from, each.name), each));
  const checked = (signal: AbortSignal | undefined): void => {
    if (fault !== 'cannot be aborted') signal?.throwIfAborted();
  };
  return {
    headroom: Number(headroom),
    generators: sides.blue.map(({ name }) => name),
    sequences: {
      async handOver(from, to, signal) {
        checked(signal);
        const moved = fault === 'moves backwards' ? sides[to] : behind(from, to);
        for (const each of moved) {
          const room = fault === 'leaves no headroom' || fault === 'moves backwards' ? 0n : headroom;
          each.given = known(of(from, each.name)) + room;
        }
        return { sequences: sides[to].length, moved: moved.length };
      },
      async behind(from, to, signal) {
        checked(signal);
        return fault === 'says that none is behind' ? 0 : behind(from, to).length;
      },
    },
    next: async (side, name) => next(of(side, name)),
    nextForNewcomer: async (side, name) => next({ ...of(side, name), kept: { next: 0n, end: 0n } }, of(side, name)),
    nextInVain: async (side, name) => {
      const generator = of(side, name);
      generator.inVain += 1n;
      return next(generator);
    },
    [Symbol.asyncDispose]: async () => undefined,
  };
}

function generators(): readonly Generator[] {
  const kinds = [
    ['up', 1n, 1n],
    ['down', -1n, 1n],
    ['cached', 1n, 10n],
  ] as const;
  return kinds.map(([name, sign, block]) => ({
    name,
    sign,
    block,
    given: 0n,
    inVain: 0n,
    kept: { next: 0n, end: 0n },
  }));
}

/** For a session that keeps what it was given in advance; `shared` is what all sessions have in common. */
function next(session: Generator, shared = session): bigint {
  if (session.kept.next >= session.kept.end) {
    session.kept = { next: shared.given, end: shared.given + session.block };
    shared.given += session.block;
  }
  session.kept.next += 1n;
  return session.sign * session.kept.next;
}
