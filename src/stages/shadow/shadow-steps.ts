import { monotonicMs, sleep } from '../../kernel/clock.ts';
import { must } from '../../kernel/assert.ts';
import { TealError, isTealError } from '../../kernel/errors.ts';
import { failpoint } from '../../kernel/failpoints.ts';
import {
  countsOf,
  type DoomedWrites,
  type ShadowReads,
  type ShadowOrder,
  type ShadowTally,
  type StatementTally,
  type Tally,
} from '../../ports/shadow.ts';
import type { Step, StepContext, StepFacts } from '../../ports/step.ts';
import type { ShadowSpec } from '../../spec/spec.ts';
import { formatDuration } from '../../spec/units.ts';
import type { Stage } from '../lifecycle/stages.ts';
import { isAsAsked, judgeShadow, kindsOf } from './decide.ts';

const lookEveryMs = 1_000;
/** Green is far enough ahead for what a busy blue gives out meanwhile. */
const aheadEveryMs = 5_000;

export interface ShadowPorts {
  /** Of a proxy that compares. */
  readonly reads: ShadowReads | undefined;
  /** Where writes can be tried. */
  readonly doomed: DoomedWrites | undefined;
}

/** None where the file asks for none. */
export function shadowStages(spec: ShadowSpec | undefined, ports: ShadowPorts): readonly Stage[] {
  if (spec === undefined) return [];
  const shadow = must(ports.reads, 'a proxy that compares reads');
  const isOnGreen = spec.writes > 0 && spec.scratch === undefined;
  const doomed = isOnGreen ? must(ports.doomed, 'a green where writes can be tried') : undefined;
  const admit = doomed === undefined ? [] : [admitStep(doomed)];
  const steps = [...admit, beginStep(spec, shadow, ports.doomed === undefined), watchStep(spec, shadow, doomed)];
  return [{ id: 'shadow', title: 'Shadow', steps }];
}

function admitStep(doomed: DoomedWrites): Step {
  return {
    id: 'shadow:admit',
    does: 'lets writes through the fence of green in transactions that cannot commit: each has a row in teal.doomed, on which a deferred trigger fails every COMMIT; moves the sequences of green past those of blue',
    locks: 'nothing of yours',
    costs:
      'an unlogged table, and a look at it in each statement that writes on green; numbers of sequences are left out',
    undone: 'the fence of green lets nobody but Teal through; sequences stay where they are',
    probe: async () =>
      (await doomed.isAdmitted())
        ? { state: 'done', evidence: 'teal.fence() of green asks teal.doomed' }
        : { state: 'not done' },
    act: async () => {
      await doomed.admit();
      await doomed.leadSequences();
    },
    undo: async () => doomed.dismiss(),
  };
}

const locksOfWrites =
  'ROW EXCLUSIVE on tables of green, and the rows that are written, for the time of a transaction: 2 s at most';

/** `closesServer`: the fence of green keeps clients from the copy too, so that an account of Teal's writes there. */
function beginStep(spec: ShadowSpec, shadow: ShadowReads, closesServer: boolean): Step {
  const { reads, writes, scratch } = spec;
  const shares = tellShares(spec);
  const account = scratch !== undefined && closesServer;
  return {
    id: 'shadow:begin',
    does: `has the proxy put ${shares} to green too, and compare the answers; clients wait for none of it`,
    locks: [
      ...(reads > 0
        ? [
            'what a SELECT takes on the tables of green while each read runs: ACCESS SHARE, in MySQL and MariaDB a metadata lock',
          ]
        : []),
      ...(writes > 0 && scratch === undefined ? [locksOfWrites] : []),
      ...(reads === 0 && scratch !== undefined ? ['nothing of either side'] : []),
    ].join('; '),
    costs: `${costsOf(spec)}${account ? `; an account on green, teal_scratch_..., that may write in ${scratch} alone and passes read_only` : ''}; one question to each session that is open already`,
    undone: `the proxy compares nothing any more${account ? ', and drops that account' : ''}`,
    probe: async () => {
      const isAsked = isAsAsked(await shadow.tally(), spec);
      return isAsked ? { state: 'done', evidence: tellShares(spec) } : { state: 'not done' };
    },
    act: async () => shadow.begin(orderOf(spec)),
    undo: async () => {
      try {
        await shadow.end();
      } catch (error) {
        // A proxy that is gone compares nothing.
        if (!isTealError(error, 'TEAL-TRAFFIC-005')) throw error;
      }
    },
  };
}

/** Watches until the file is content. What was watched is the proxy's to know: one that was started again begins anew, for what its predecessor has found is gone. */
function watchStep(spec: ShadowSpec, shadow: ShadowReads, doomed: DoomedWrites | undefined): Step {
  return {
    id: 'shadow:watch',
    does: `waits for ${formatDuration(spec.forMs)} and at least ${spec.atLeast} compared ${kindsOf(spec).join(', and as many ')}, and fails when more than ${spec.maxDifferences} real differences are found`,
    locks: 'nothing',
    costs: 'time',
    undone: 'not needed',
    probe: async () => {
      const tally = await shadow.tally();
      const judged = judgeShadow(tally, spec);
      if (judged.verdict !== 'enough') return { state: 'not done' };
      return { state: 'done', evidence: judged.evidence, facts: factsOf(tally, spec) };
    },
    act: async (context) => watch(spec, shadow, doomed, context),
    undo: async () => undefined,
  };
}

async function watch(
  spec: ShadowSpec,
  shadow: ShadowReads,
  doomed: DoomedWrites | undefined,
  { signal, progress }: StepContext,
): Promise<void> {
  const first = judgeShadow(await shadow.tally(), spec);
  // A person has run the command again: green was mended, they say.
  if (first.verdict === 'different') await shadow.begin(orderOf(spec));
  for (let ledMs = -Infinity; ; await sleep(lookEveryMs, signal)) {
    if (doomed !== undefined && monotonicMs() - ledMs >= aheadEveryMs) {
      await doomed.leadSequences();
      ledMs = monotonicMs();
    }
    const tally = await shadow.tally();
    const judged = judgeShadow(tally, spec);
    switch (judged.verdict) {
      case 'enough':
        return;
      case 'different':
        throw differencesOf(tally, spec, judged.evidence);
      case 'not watched':
        await shadow.begin(orderOf(spec));
        break;
      case 'not yet':
        progress({ text: judged.evidence, done: Math.min(tally.watchedMs, spec.forMs), total: spec.forMs });
        failpoint('shadow.watch');
        break;
    }
  }
}

/** Of reads where there are some: what is read wrong is wrong already. */
function differencesOf(tally: ShadowTally, { maxDifferences }: ShadowSpec, evidence: string): TealError {
  const [code, found] =
    tally.real > maxDifferences ? (['TEAL-STAGES-150', tally] as const) : (['TEAL-STAGES-151', tally.writes] as const);
  const findings = found.statements.filter(({ real }) => real > 0).slice(0, 5);
  return new TealError(code, evidence, {
    findings: findings.map(({ statement, real, example }) => `${real} times: ${statement} (${differs(example)})`),
  });
}

function differs(example: StatementTally['example']): string {
  return example === undefined ? 'no example' : `blue ${example.blue}, green ${example.green}`;
}

function factsOf(tally: ShadowTally, spec: ShadowSpec): StepFacts {
  const counts = (of: Tally): StepFacts => ({ ...countsOf(of), shed: of.shed });
  const ofWrites = Object.entries(counts(tally.writes)).map(([name, count]) => [`writes ${name}`, count] as const);
  return {
    ...counts(tally),
    ...(spec.writes > 0 ? Object.fromEntries(ofWrites) : {}),
    watchedMs: Math.round(tally.watchedMs),
  };
}

function orderOf({ reads, writes, scratch }: ShadowSpec): ShadowOrder {
  return { reads, writes, ...(scratch === undefined ? {} : { scratch }) };
}

function tellShares({ reads, writes, scratch }: ShadowSpec): string {
  return [
    ...(reads > 0 ? [`${percent(reads)} of what clients read on blue`] : []),
    ...(writes > 0 ? [`${percent(writes)} of their transactions that write there, ${whereTold(scratch)},`] : []),
  ].join(' and ');
}

function whereTold(scratch: string | undefined): string {
  return scratch === undefined ? 'to be rolled back' : `in database ${scratch}, which keeps them`;
}

function costsOf({ reads, writes, scratch }: ShadowSpec): string {
  return [
    ...(reads > 0
      ? [
          'five connections to green and one to blue; green answers that share of the reads, blue those again that differ',
        ]
      : []),
    ...(writes > 0 ? [costsOfWrites(scratch)] : []),
  ].join('; ');
}

function costsOfWrites(scratch: string | undefined): string {
  if (scratch !== undefined) return `two connections to ${scratch}, on the server of green, and what is written there`;
  return 'two connections to green, dead rows there for autovacuum, a transaction id and numbers of sequences each';
}

function percent(share: number): string {
  return `${Number((share * 100).toFixed(3))}%`;
}
