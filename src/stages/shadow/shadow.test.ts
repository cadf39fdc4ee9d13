import { describe, expect, test } from 'vitest';
import {
  noCounts,
  noTally,
  type DoomedWrites,
  type ShadowReads,
  type ShadowOrder,
  type ShadowTally,
} from '../../ports/shadow.ts';
import type { StepContext } from '../../ports/step.ts';
import { judgeShadow } from './decide.ts';
import { shadowStages } from './shadow-steps.ts';

const spec = { reads: 0.1, writes: 0, forMs: 60_000, maxDifferences: 0, atLeast: 10 };

function tallied(given: Partial<ShadowTally>): ShadowTally {
  const rest = { share: 0.1, watchedMs: 60_000, sessionsLeftOut: 0, writes: noTally };
  return { ...noTally, ...rest, compared: 10, equal: 10, ...given };
}

test.each([
  ['enough', {}],
  ['not yet', { watchedMs: 59_999 }],
  ['not yet', { compared: 9 }],
  ['different', { real: 1, watchedMs: 0 }],
  ['not watched', { share: 0 }],
  ['not watched', { share: 0.2, real: 1 }],
  ['enough', { lag: 5, volatile: 5, unsettled: 5, unanswered: 5, shed: 5 }],
] as const)('it is %s', (verdict, given) => {
  expect(judgeShadow(tallied(given), spec).verdict).toBe(verdict);
});

test('as many differences as the file allows are allowed', () => {
  expect(judgeShadow(tallied({ real: 2 }), { ...spec, maxDifferences: 2 }).verdict).toBe('enough');
});

describe('writes', () => {
  const both = { ...spec, writes: 0.05 };
  const writes = (given: Partial<ShadowTally['writes']>): Partial<ShadowTally> => ({
    writes: { ...noTally, share: 0.05, compared: 10, ...given },
  });

  test.each([
    ['enough', writes({})],
    ['enough', writes({ lag: 5, unsettled: 5, unanswered: 5, shed: 5 })],
    ['not yet', writes({ compared: 9 })],
    ['different', writes({ real: 1 })],
    ['not watched', writes({ share: 0 })],
  ] as const)('it is %s', (verdict, given) => {
    expect(judgeShadow(tallied(given), both).verdict).toBe(verdict);
  });

  test('on a copy nothing of green is touched, and a watch elsewhere is none', () => {
    const onCopy = { ...both, scratch: 'copy' };
    const steps = shadowStages(onCopy, { reads: new Told(), doomed: undefined })[0]?.steps ?? [];
    expect(steps.map(({ id }) => id)).toEqual(['shadow:begin', 'shadow:watch']);
    expect(steps[0]?.does).toContain('in database copy, which keeps them');
    // Between MySQL and MariaDB, where nothing is tried on green.
    expect(steps[0]?.costs).toContain('an account on green, teal_scratch_..., that may write in copy alone');
    expect(steps[0]?.undone).toContain('drops that account');
    expect(judgeShadow(tallied(writes({})), onCopy).verdict).toBe('not watched');
    expect(judgeShadow(tallied({ ...writes({}), scratch: 'copy' }), onCopy).verdict).toBe('enough');
  });

  test('what green refuses ends the watch; sequences of green are led before', async () => {
    const did: string[] = [];
    const doomed: DoomedWrites = {
      admit: async () => void did.push('admit'),
      isAdmitted: async () => did.includes('admit'),
      leadSequences: async () => void did.push('lead'),
      dismiss: async () => void did.push('dismiss'),
    };
    const example = { kind: 'error', blue: 'INSERT 0 1', green: 'error 42883', atIso: '' } as const;
    const statement = { ...noCounts, real: 1, statement: 'insert', example, latencies: { blue: {}, green: {} } };
    const told = new Told(writes({}), writes({ real: 1, statements: [statement] }));
    const [admit, begin, watch] = shadowStages(both, { reads: told, doomed })[0]?.steps ?? [];
    expect(begin?.does).toContain('5% of their transactions that write there');
    expect(await admit?.probe(context)).toMatchObject({ state: 'not done' });
    await admit?.act(context);
    expect(await admit?.probe(context)).toMatchObject({ state: 'done' });
    await expect(watch?.act(context)).rejects.toMatchObject({
      code: 'TEAL-STAGES-151',
      facts: { findings: ['1 times: insert (blue INSERT 0 1, green error 42883)'] },
    });
    await admit?.undo(context);
    expect(did).toEqual(['admit', 'lead', 'lead', 'dismiss']);
  });
});

/** A proxy that tells one tally after the other. */
class Told implements ShadowReads {
  readonly begun: number[] = [];
  readonly #tallies: ShadowTally[];

  constructor(...tallies: readonly Partial<ShadowTally>[]) {
    this.#tallies = tallies.map(tallied);
  }

  async begin({ reads }: ShadowOrder): Promise<void> {
    this.begun.push(reads);
  }

  async end(): Promise<void> {
    this.begun.push(0);
  }

  async tally(): Promise<ShadowTally> {
    const [next, ...rest] = this.#tallies;
    if (rest.length > 0) this.#tallies.shift();
    return next ?? tallied({});
  }
}

const context = {
  signal: new AbortController().signal,
  progress: () => undefined,
  facts: () => undefined,
  before: undefined,
} satisfies StepContext;

function steps(told: Told) {
  const [begin, watch] = shadowStages(spec, { reads: told, doomed: undefined })[0]?.steps ?? [];
  if (begin === undefined || watch === undefined) throw new Error('no steps');
  return { begin, watch };
}

test('a file without it has no such stage', () => {
  expect(shadowStages(undefined, { reads: undefined, doomed: undefined })).toEqual([]);
});

test('it begins once, and is ended when it is undone', async () => {
  const told = new Told({ share: 0 }, { share: 0.1 });
  const { begin } = steps(told);
  expect(await begin.probe(context)).toEqual({ state: 'not done' });
  await begin.act(context);
  expect(await begin.probe(context)).toMatchObject({ state: 'done' });
  await begin.undo(context);
  expect(told.begun).toEqual([0.1, 0]);
});

test('a difference ends the watch with an error that names the statement', async () => {
  const example = { kind: 'count', blue: '2 rows', green: '1 row', atIso: '' } as const;
  const latencies = { blue: {}, green: {} };
  const statements = [{ ...noCounts, real: 1, statement: 'select ?', example, latencies }];
  const told = new Told({ real: 0, watchedMs: 0 }, { real: 1, statements });
  const findings = ['1 times: select ? (blue 2 rows, green 1 row)'];
  await expect(steps(told).watch.act(context)).rejects.toMatchObject({ code: 'TEAL-STAGES-150', facts: { findings } });
  expect(told.begun).toEqual([]);
});

test('the command that is run again after differences begins anew', async () => {
  const told = new Told({ real: 1 }, {});
  await steps(told).watch.act(context);
  expect(told.begun).toEqual([0.1]);
});

test('a proxy that was started again is told again', async () => {
  const told = new Told({ watchedMs: 1 }, { share: 0, watchedMs: 0 }, {});
  await steps(told).watch.act(context);
  expect(told.begun).toEqual([0.1]);
});
