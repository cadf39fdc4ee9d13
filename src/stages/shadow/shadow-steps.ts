import { sleep } from '../../kernel/clock.ts';
import { must } from '../../kernel/assert.ts';
import { TealError, isTealError } from '../../kernel/errors.ts';
import { failpoint } from '../../kernel/failpoints.ts';
import type { ShadowReads, ShadowTally } from '../../ports/shadow.ts';
import type { Step, StepContext, StepFacts } from '../../ports/step.ts';
import type { ShadowSpec } from '../../spec/spec.ts';
import { formatDuration } from '../../spec/units.ts';
import type { Stage } from '../lifecycle/stages.ts';
import { judgeShadow } from './decide.ts';

const lookEveryMs = 1_000;

/** None where the file asks for none. */
export function shadowStages(spec: ShadowSpec | undefined, reads: ShadowReads | undefined): readonly Stage[] {
  if (spec === undefined) return [];
  const shadow = must(reads, 'a proxy that compares reads');
  return [{ id: 'shadow', title: 'Shadow', steps: [beginStep(spec, shadow), watchStep(spec, shadow)] }];
}

function beginStep({ share }: ShadowSpec, shadow: ShadowReads): Step {
  return {
    id: 'shadow:begin',
    does: `has the proxy put ${percent(share)} of what clients read on blue to green too, and compare the answers; clients wait for none of it`,
    locks: 'ACCESS SHARE on the tables of green while each read runs',
    costs:
      'five connections to green and one to blue; green answers that share of the reads, blue those again that differ; one question to each session that is open already',
    undone: 'the proxy compares nothing any more',
    probe: async () => {
      const { share: now } = await shadow.tally();
      return now === share ? { state: 'done', evidence: `${percent(now)} of the reads` } : { state: 'not done' };
    },
    act: async () => shadow.begin(share),
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
function watchStep(spec: ShadowSpec, shadow: ShadowReads): Step {
  return {
    id: 'shadow:watch',
    does: `waits for ${formatDuration(spec.forMs)} and at least ${spec.atLeast} compared reads, and fails when more than ${spec.maxDifferences} real differences are found`,
    locks: 'nothing',
    costs: 'time',
    undone: 'not needed',
    probe: async () => {
      const tally = await shadow.tally();
      const judged = judgeShadow(tally, spec);
      if (judged.verdict !== 'enough') return { state: 'not done' };
      return { state: 'done', evidence: judged.evidence, facts: factsOf(tally) };
    },
    act: async (context) => watch(spec, shadow, context),
    undo: async () => undefined,
  };
}

async function watch(spec: ShadowSpec, shadow: ShadowReads, { signal, progress }: StepContext): Promise<void> {
  const first = judgeShadow(await shadow.tally(), spec);
  // A person has run the command again: green was mended, they say.
  if (first.verdict === 'different') await shadow.begin(spec.share);
  for (;;) {
    const tally = await shadow.tally();
    const judged = judgeShadow(tally, spec);
    switch (judged.verdict) {
      case 'enough':
        return;
      case 'different': {
        const findings = tally.statements.filter(({ real }) => real > 0).slice(0, 5);
        throw new TealError('TEAL-STAGES-150', judged.evidence, {
          findings: findings.map(({ statement, real, example }) => `${real} times: ${statement} (${differs(example)})`),
        });
      }
      case 'not watched':
        await shadow.begin(spec.share);
        break;
      case 'not yet':
        progress({ text: judged.evidence, done: Math.min(tally.watchedMs, spec.forMs), total: spec.forMs });
        failpoint('shadow.watch');
        break;
    }
    await sleep(lookEveryMs, signal);
  }
}

function differs(example: ShadowTally['statements'][number]['example']): string {
  return example === undefined ? 'no example' : `blue ${example.blue}, green ${example.green}`;
}

function factsOf({
  compared,
  equal,
  lag,
  volatile,
  real,
  unsettled,
  unanswered,
  shed,
  watchedMs,
}: ShadowTally): StepFacts {
  return { compared, equal, lag, volatile, real, unsettled, unanswered, shed, watchedMs: Math.round(watchedMs) };
}

function percent(share: number): string {
  return `${Number((share * 100).toFixed(3))}%`;
}
