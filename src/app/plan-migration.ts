import { dirname, resolve } from 'node:path';
import { openJournalReader } from '../journal/journal.ts';
import { isTealError } from '../kernel/errors.ts';
import type { Side } from '../model/catalog.ts';
import { tellsAll } from '../model/follow-method.ts';
import type { Plan } from '../plan/plan.ts';
import { renderPlan, renderPlanMarkdown } from '../plan/render.ts';
import { planOf, type PlannableStage } from '../engine/plan-of.ts';
import { cutSteps } from '../stages/cutover/cut-steps.ts';
import { canaryStages } from '../stages/canary/canary-steps.ts';
import { shadowStages } from '../stages/shadow/shadow-steps.ts';
import { groupSteps } from '../stages/groups/group-steps.ts';
import { addressOf } from './address.ts';
import { connectCarrier } from './connect-carrier.ts';
import type { LoadedSpec } from './load-spec.ts';
import { backupOf, gatesOf } from './gates-of.ts';
import { flowBackMs } from './migration.ts';
import { pairToPlan } from './open-pair.ts';
import type { Pair } from './pair.ts';
import { routerToPlan } from './routers.ts';
import { topicsOfCut } from './topic-parts.ts';

export interface Planned {
  readonly plan: Plan;
  render(format: 'text' | 'markdown', options: { readonly width: number; readonly color: boolean }): string;
}

/**
 * What a migration will do, from the very steps that would do it. Looks at both systems and changes nothing, on either side or on this machine.
 */
export async function planMigration(loaded: LoadedSpec, signal: AbortSignal): Promise<Planned> {
  const { spec, stateDir } = loaded;
  const { blue, green, assessment, pair: looked } = await pairToPlan(loaded, signal);
  await using pair = looked;
  const urls = { blue: spec.blue.url, green: spec.green.url };
  const carrier = connectCarrier({ migration: spec.name, stateDir, urls });
  const router = routerToPlan(spec);
  const unasked = async (): Promise<never> => Promise.reject(new Error('a plan asks nothing'));
  const ahead = cutAhead(loaded);
  const rest = topicsOfCut({ life: { phase: 'blue' }, ahead }, pair.topics);
  const ports = {
    fences: rest === undefined ? pair.fences : (pair.topics?.fencesOf(rest) ?? pair.fences),
    router,
    carrier,
    ...(pair.sequences === undefined ? {} : { sequences: pair.sequences }),
    schemas: pair.schemas,
    settled: () => 0,
    isUnordered: (from: Side) => spec.connect !== undefined && from === 'blue',
    equalizer: (from: Side) => (tellsAll(spec.follow.method, from) ? undefined : { compare: unasked, repair: unasked }),
  };
  const folder = dirname(resolve(loaded.file));
  const backup = backupOf(spec, { folder, stateDir: loaded.stateDir });
  const cut = { name: 'next', epoch: 1, from: 'blue', to: 'green' } as const;
  const stages: readonly PlannableStage[] = [
    ...pair.stages(carrier),
    ...shadowStages(spec.shadow, {
      reads: { begin: unasked, end: unasked, tally: unasked },
      doomed: pair.doomed,
    }),
    ...canaryStages(spec.canary, {
      reads: { set: unasked, end: unasked, tally: unasked },
      questions: [],
      order: () => undefined,
      obeyed: () => undefined,
      ...(pair.tenants === undefined
        ? {}
        : {
            tenants: {
              gates: pair.tenants,
              sessions: { hold: unasked, settle: unasked },
              carrier,
              settled: () => 0,
              limits: spec.cutover,
            },
          }),
    }),
    ...(await groupsStage(pair)),
    {
      id: 'cut over',
      title: rest === undefined ? 'Cut over' : `Cut over what is on blue still; on green already: ${ahead.join(', ')}`,
      gates: [
        ...(backup === undefined ? [] : [backup]),
        ...gatesOf(spec, {
          folder,
          stateDir: loaded.stateDir,
          live: 'blue',
          carrier,
          ask: pair.ask,
          verify: unasked,
          approval: () => undefined,
        }),
      ],
      steps: cutSteps(cut, ports, { ...spec.cutover, flowBackMs }),
    },
    {
      id: 'finalise',
      title: 'Finalise (when you say so; there is no way back after it)',
      steps: pair.removalSteps('green', () => undefined),
    },
  ];
  const plan = planOf(
    {
      migration: spec.name,
      blue: `${blue} at ${addressOf(spec.blue.url)}`,
      green: `${green} at ${addressOf(spec.green.url)}`,
      hazards: assessment.findings
        .filter(({ severity }) => severity !== 'note')
        .map((it) => ({
          severity: it.severity === 'blocker' ? ('stops' as const) : ('warns' as const),
          what: it.what,
          doThis: it.mend ?? it.why,
        })),
    },
    stages,
  );
  return {
    plan,
    render: (format, options) => (format === 'text' ? renderPlan(plan, options) : renderPlanMarkdown(plan)),
  };
}

/** Topics that were cut before the others, by the journal where there is one. */
function cutAhead({ journal }: LoadedSpec): readonly string[] {
  try {
    using reader = openJournalReader(journal);
    return reader.refresh().ahead;
  } catch (error) {
    if (isTealError(error, 'TEAL-JOURNAL-008')) return [];
    throw error;
  }
}

/** Those that read from blue now; of each its move. */
async function groupsStage({ groups: ports }: Pair): Promise<readonly PlannableStage[]> {
  if (ports === undefined) return [];
  const groups = (await ports.groups.list('blue')).filter(({ id }) => ports.isSelected(id));
  const steps = groups.flatMap(({ id }) => groupSteps({ group: id, number: 1, to: 'green' }, ports));
  return [{ id: 'groups', title: 'Move the groups of consumers, one after the other', steps }];
}
