import { expect, test } from 'vitest';
import { TealError } from '../kernel/errors.ts';
import type { Gate, GateAnswer } from '../ports/gate.ts';
import { attemptsAllowed, watchSoak, type SoakPorts, type SoakSeen } from './soak-watch.ts';

type Answer = GateAnswer['answer'] | Error;

interface World {
  readonly ports: SoakPorts;
  readonly rolledBack: string[];
  readonly notes: string[];
  readonly seen: SoakSeen[];
}

/** One question, answered in turn; when no answer is left, green is not live any more. Cuts: one a round, the last one ever after. */
function world(
  answers: readonly Answer[],
  part: Partial<SoakPorts> & { readonly cuts?: readonly string[] } = {},
): World {
  const left = [...answers];
  const rolledBack: string[] = [];
  const notes: string[] = [];
  const seen: SoakSeen[] = [];
  let round = 0;
  const gate: Gate = {
    id: 'soak.health[0]',
    asks: 'is it well?',
    person: false,
    ask: async () => {
      const answer = left.shift() ?? 'cannot tell';
      if (answer instanceof Error) throw answer;
      return { answer, evidence: answer };
    },
  };
  const { cuts = ['e1a1'], ...rest } = part;
  const ports: SoakPorts = {
    gates: [gate],
    rule: { everyMs: 0, failures: 2, onFailure: 'rollBack' },
    soaking: async () => (left.length === 0 ? undefined : (cuts[round++] ?? cuts.at(-1))),
    isWanted: async () => left.length > 0,
    tell: async (it) => void seen.push(it),
    note: async (text) => void notes.push(text),
    rollBack: async (reason) => {
      rolledBack.push(reason);
      left.length = 0;
    },
    log: () => undefined,
    ...rest,
  };
  return { ports, rolledBack, notes, seen };
}

const never = new AbortController().signal;

test('green that is well stays live', async () => {
  const it = world(['yes', 'no', 'yes', 'not yet', 'yes', 'cannot tell', 'cannot tell', 'cannot tell']);
  await watchSoak(it.ports, never);
  expect(it.rolledBack).toEqual([]);
  expect(it.seen.map(({ checks }) => checks[0]?.failures)).toEqual([0, 1, 0, 1, 0, 0, 0, 0]);
});

test('green that fails often enough in a row is left, and why is said', async () => {
  const it = world(['no', 'yes', 'no', 'no', 'yes']);
  await watchSoak(it.ports, never);
  expect(it.rolledBack).toEqual(['is it well? no, 2 times in a row: no']);
});

test('a question that throws cannot tell', async () => {
  const it = world([new Error('no way to it'), new Error('no way to it'), 'yes']);
  await watchSoak(it.ports, never);
  expect(it.rolledBack).toEqual([]);
  expect(it.seen[1]?.checks[0]).toMatchObject({ answer: 'cannot tell', failures: 0 });
});

test('told only: one note in the journal for each time that it fails', async () => {
  const it = world(['no', 'no', 'no', 'yes', 'no', 'no', 'no'], {
    rule: { everyMs: 0, failures: 2, onFailure: 'tell' },
  });
  await watchSoak(it.ports, never);
  expect(it.rolledBack).toEqual([]);
  expect(it.notes).toHaveLength(2);
  expect(it.seen.map(({ wouldSinceIso }) => wouldSinceIso !== undefined)).toEqual([
    false,
    true,
    true,
    false,
    false,
    true,
    true,
  ]);
});

test('attempts are limited until all is well again, and one that a command holds up is none', async () => {
  const tried: string[] = [];
  const busy = new TealError('TEAL-JOURNAL-003', 'a command runs');
  const fails = new TealError('TEAL-STAGES-104', 'the flow does not run');
  const it = world(['no', ...Array.from({ length: 8 }, () => 'no' as const), 'yes', 'no', 'no'], {
    rollBack: async (reason) => {
      tried.push(reason);
      throw tried.length <= 2 ? busy : fails;
    },
  });
  await watchSoak(it.ports, never);
  expect(tried).toHaveLength(2 + attemptsAllowed + 1);
  expect(it.seen.at(-1)?.failure).toMatchObject({ code: 'TEAL-STAGES-104' });
});

test('what was counted of one cut says nothing of the next', async () => {
  const it = world(['no', 'no', 'yes'], { cuts: ['e1a1', 'e3a1'] });
  await watchSoak(it.ports, never);
  expect(it.rolledBack).toEqual([]);
});
