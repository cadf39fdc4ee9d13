import type { Hazard, Plan, PlannedGate, PlannedStage, PlannedStep } from './plan.ts';
import { hang, painter, wrap, type Paint } from './wrap.ts';

export interface RenderOptions {
  /** Characters a line; 80 where there is no terminal. */
  readonly width: number;
  readonly color: boolean;
}

interface Page {
  readonly width: number;
  readonly paint: Paint;
}

/** For a terminal. Ends without a line break. */
export function renderPlan(plan: Plan, options: RenderOptions): string {
  const page: Page = { width: Math.max(40, options.width), paint: painter(options.color) };
  let number = 0;
  const stages = plan.stages.flatMap((stage) => {
    const first = number + 1;
    number += stage.steps.length;
    return [''].concat(renderStage(stage, first, page));
  });
  return [...renderHead(plan, page), ...stages, '', ...renderFoot(plan, page)].join('\n');
}

function renderHead(plan: Plan, { width, paint }: Page): readonly string[] {
  return [
    paint('bold', `Plan of ${plan.migration}`),
    ...hang('  blue   ', plan.blue, width),
    ...hang('  green  ', plan.green, width),
    ...sorted(plan.hazards).flatMap((hazard) => {
      const [mark, style] = hazard.severity === 'stops' ? (['✗', 'red'] as const) : (['!', 'yellow'] as const);
      const lines = hang(`  ${mark} `, `${hazard.what} ${hazard.doThis}`, width);
      return [''].concat(lines.map((line) => paint(style, line)));
    }),
  ];
}

function renderStage(stage: PlannedStage, first: number, page: Page): readonly string[] {
  return [
    page.paint(['bold', 'cyan'], stage.title),
    ...stage.gates.flatMap((gate) => renderGate(gate, page)),
    ...stage.steps.flatMap((step, index) => renderStep(step, first + index, page)),
  ];
}

function renderGate(gate: PlannedGate, { width, paint }: Page): readonly string[] {
  const who = gate.person ? ' (a person answers)' : '';
  return hang('  ?  ', `${gate.asks}${who}`, width).map((line) => paint('magenta', line));
}

function renderStep(step: PlannedStep, number: number, { width, paint }: Page): readonly string[] {
  const told = [
    ['locks ', step.locks],
    ['costs ', step.costs],
    ['undone', step.undone],
  ] as const;
  return [
    ...hang(`${String(number).padStart(3)}  `, step.does, width),
    ...told
      .filter(([, text]) => !isNothing(text))
      .flatMap(([label, text]) => hang(`     ${label}  `, text, width).map((line) => paint('dim', line))),
  ];
}

/** Most steps lock nothing: said once at the foot, not on every step. */
function isNothing(text: string): boolean {
  return text === 'nothing' || text === '';
}

function renderFoot(plan: Plan, { width, paint }: Page): readonly string[] {
  const steps = plan.stages.reduce((sum, stage) => sum + stage.steps.length, 0);
  const stop = plan.hazards.filter((hazard) => hazard.severity === 'stops').length;
  const verdict =
    stop === 0
      ? 'Nothing of it has begun. Every step is journalled before it acts, and can be stopped and gone on with.'
      : `It cannot begin: ${count(stop, 'thing stops', 'things stop')} it.`;
  return wrap(`${count(steps, 'step', 'steps')}. What names no lock takes none. ${verdict}`, width).map((line) =>
    stop === 0 ? line : paint('red', line),
  );
}

function count(n: number, one: string, many: string): string {
  return `${n} ${n === 1 ? one : many}`;
}

function sorted(hazards: readonly Hazard[]): readonly Hazard[] {
  return [...hazards.filter((it) => it.severity === 'stops'), ...hazards.filter((it) => it.severity === 'warns')];
}

/** For a change request or a wiki. */
export function renderPlanMarkdown(plan: Plan): string {
  let number = 0;
  const row = (cells: readonly string[]): string => `| ${cells.map(cell).join(' | ')} |`;
  const table = (stage: PlannedStage): readonly string[] => [
    row(['', 'step', 'what it does', 'locks', 'costs', 'how it is undone']),
    '|---|---|---|---|---|---|',
    ...stage.steps.map((step) => {
      number += 1;
      return row([String(number), `\`${step.id}\``, step.does, step.locks, step.costs, step.undone]);
    }),
  ];
  return [
    `# Plan of ${plan.migration}`,
    '',
    `From blue, ${cell(plan.blue)}, to green, ${cell(plan.green)}.`,
    ...(plan.hazards.length === 0 ? [] : ['', '## To know beforehand', '']),
    ...sorted(plan.hazards).map(
      (it) => `- ${it.severity === 'stops' ? '**Stops it:** ' : ''}${cell(it.what)} ${cell(it.doThis)}`,
    ),
    ...plan.stages.flatMap((stage) => [
      '',
      `## ${stage.title}`,
      ...(stage.gates.length === 0 ? [] : ['', 'Begins when all of these say yes:', '']),
      ...stage.gates.map((gate) => `- ${cell(gate.asks)}${gate.person ? ' (a person answers)' : ''}`),
      ...(stage.steps.length === 0 ? [] : ['', ...table(stage)]),
    ]),
    '',
  ].join('\n');
}

/** One line, and no character that would end the cell or begin markup of its own. */
function cell(text: string): string {
  return text.replace(/\s+/g, ' ').replace(/[\\|<*_]/g, '\\$&');
}
