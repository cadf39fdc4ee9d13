import { writeFileSync } from 'node:fs';
import type { Command } from 'commander';
import { loadSpec } from '../../app/load-spec.ts';
import { logTold } from '../../app/log-budget.ts';
import { readReport, renderReport } from '../../app/report.ts';
import { readFlows } from '../../app/read-flows.ts';
import { readStatus, type Status } from '../../app/status.ts';
import { hang } from '../../plan/wrap.ts';
import { explain } from '../explain.ts';
import { print, printJson, tone } from '../print.ts';
import { pauseText } from '../screen-state.ts';

interface JournalArguments {
  readonly file: string;
  readonly json: boolean;
  readonly out?: string;
}

/** Commands that read the journal and nothing else. */
export function journalCommands(program: Command): void {
  const statusCommand = program
    .command('status')
    .summary('tell where the migration is')
    .description(
      'Tells where the migration is, from its journal, and what its flows say: also while another command runs, and when both systems are down.',
    )
    .option('-f, --file <path>', 'migration file', 'teal.yaml')
    .option('--json', 'print JSON', false)
    .action(async (given: JournalArguments) => {
      const loaded = loadSpec(given.file, process.env);
      const status = readStatus(loaded);
      const flows = await readFlows(loaded);
      if (given.json) printJson({ ...status, flows });
      else print(renderStatus(status, flows));
    });
  explain(statusCommand, {
    exits: { 0: 'told' },
    examples: [
      ['teal status', 'the live side, stages, flows, gates and cuts'],
      ['teal status --json | jq -r .live', 'blue or green, for a script'],
    ],
  });
  const reportCommand = program
    .command('report')
    .summary("write the migration's story, for an auditor")
    .description(
      'Writes who did what when, every cut and every record of the journal, after verifying its chain of hashes.',
    )
    .option('-f, --file <path>', 'migration file', 'teal.yaml')
    .option('--out <path>', 'write it there instead of printing it')
    .option('--json', 'JSON instead of Markdown', false)
    .action((given: JournalArguments) => {
      const report = readReport(loadSpec(given.file, process.env));
      const text = given.json ? `${JSON.stringify(report, null, 2)}\n` : renderReport(report);
      if (given.out === undefined) print(text);
      else writeFileSync(given.out, text);
    });
  explain(reportCommand, {
    exits: { 0: 'written; the chain of hashes is unbroken' },
    examples: [['teal report --out report.md', 'the document to keep, also after the migration has ended']],
  });
}

type FlowsSaid = Awaited<ReturnType<typeof readFlows>>;

export function renderStatus(status: Status, flows: FlowsSaid = []): string {
  const stages = status.stages.map(({ stage, state }) => `${stage} ${state}`).join(', ');
  const lines = [
    tone('bold', `${status.name}: ${status.live} is live${phaseNote(status.phase)}`),
    ...(stages === '' ? [] : [`  stages     ${stages}`]),
    ...status.open.map((it) =>
      labelled('  open       ', `${it.step} is ${it.state}${it.why === undefined ? '' : `: ${it.why}`}`),
    ),
    ...flows.flatMap(flowLines),
    ...status.gates.map((it) =>
      labelled('  gate       ', `${it.asks} ${it.answer}${it.evidence === '' ? '' : ` (${it.evidence})`}`),
    ),
    ...status.cuts.map((it) => `  cut        ${it.cut}, ${it.from} to ${it.to}: ${it.end}${pauseNote(it)}`),
    ...(status.soak === undefined
      ? []
      : [
          ...hang(
            '  soak       ',
            `green is live since ${status.soak.sinceIso}; may end ${status.soak.over ? 'now' : status.soak.untilIso}`,
            80,
          ),
        ]),
    ...(status.certificate === undefined
      ? []
      : [
          `  certified  ${status.certificate.tables} tables, ${status.certificate.rows} rows, ${status.certificate.atIso}`,
        ]),
    ...(status.controller === undefined
      ? []
      : [`  controller process ${status.controller.pid} on ${status.controller.host}`]),
    ...(status.supervisor === undefined ? [] : supervisorLines(status.supervisor)),
  ];
  return lines.join('\n');
}

function pauseNote(cut: Status['cuts'][number]): string {
  const text = pauseText(cut);
  return text === undefined ? '' : `, ${text}`;
}

/** In lines of at most 80 columns; the label stands before the first. */
function labelled(label: string, text: string): string {
  return hang(label, text, 80).join('\n');
}

function supervisorLines({ pid, lives, things }: NonNullable<Status['supervisor']>): readonly string[] {
  const seen = Object.entries(things).map(([thing, it]) => ({ thing, ...it }));
  // A cut is no process: it is told of when it had to be ended for its controller.
  const restarts = seen
    .filter((it) => it.thing !== 'cut' || it.restarts > 0)
    .map(({ thing, restarts: count }) => `${thing} ${count}`)
    .join(', ');
  const head = lives ? `process ${pid}; restarts: ${restarts}` : `process ${pid} is gone; the next command starts it`;
  const failures = seen.flatMap(({ thing, failure }) =>
    failure === undefined ? [] : [labelled('  supervisor ', `${thing}: ${failure.reason}`)],
  );
  return [`  supervisor ${head}`, ...failures];
}

/** Which side is live is said; here what that does not say. */
function phaseNote(phase: Status['phase']): string {
  const notes: Partial<Record<Status['phase'], string>> = {
    new: ' (nothing was begun)',
    back: ' (again)',
    aborted: ' (aborted)',
    finalised: ' (finalised)',
  };
  return notes[phase] ?? '';
}

function flowLines(status: FlowsSaid[number]): readonly string[] {
  const { flow, mode, now, lagMs, schema, ddl } = status;
  const told = logTold(status);
  const why = 'reason' in now ? `: ${now.reason}` : '';
  const lag = lagMs === undefined ? '' : `, ${lagMs} ms behind`;
  return [
    labelled('  flow       ', `${flow} ${now.state}, ${mode}${lag}${why}`),
    ...(told?.budget === 'warn' ? [labelled('  log        ', told.text)] : []),
    ...(schema ?? []).map((each) => labelled('  schema     ', each)),
    ...(ddl === undefined ? [] : [labelled('  ddl        ', `the last that came through: ${ddl}`)]),
  ];
}
