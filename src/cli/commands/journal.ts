import { writeFileSync } from 'node:fs';
import { InvalidArgumentError, Option, type Command } from 'commander';
import { loadSpec } from '../../app/load-spec.ts';
import { logTold } from '../../app/log-budget.ts';
import { proveJournalOf, readReport, renderReport, type ChainProof } from '../../app/report/read-report.ts';
import { readFlows } from '../../app/read-flows.ts';
import { readCanary } from '../../app/read-canary.ts';
import { readShadow } from '../../app/read-shadow.ts';
import { readStaleClients } from '../../app/read-stale-clients.ts';
import { readStatus, type Status } from '../../app/status.ts';
import { amountText } from '../../kernel/vocabulary.ts';
import { hang } from '../../plan/wrap.ts';
import { explain } from '../explain.ts';
import { exitCodes } from '../exit-codes.ts';
import { print, printJson, tone, wrap } from '../print.ts';
import { canaryLines } from '../render-canary.ts';
import { shadowLines } from '../render-shadow.ts';
import { staleLines } from '../render-stale.ts';
import { pauseText } from '../screen-state.ts';

interface JournalArguments {
  readonly file: string;
  readonly json: boolean;
}

interface ReportArguments extends JournalArguments {
  readonly out?: string;
  readonly html: boolean;
  readonly verify: boolean;
  readonly head?: string;
}

/** Commands that read the journal and nothing else. */
export function journalCommands(program: Command): void {
  const statusCommand = program
    .command('status')
    .summary('tell where the migration is')
    .description(
      'Tells where the migration is, from its journal, what its flows say and what shadow reads and writes and the canary have found; after a cut by DNS, or without a router, also how many clients are left on the side that has lost. Also while another command runs, and when both systems are down.',
    )
    .option('-f, --file <path>', 'migration file', 'teal.yaml')
    .option('--json', 'print JSON', false)
    .action(async (given: JournalArguments) => {
      const loaded = loadSpec(given.file, process.env);
      const status = readStatus(loaded);
      const [flows, shadow, canary, stale] = await Promise.all([
        readFlows(loaded),
        readShadow(loaded),
        readCanary(loaded),
        readStaleClients(loaded.spec, status),
      ]);
      const reads = {
        ...(shadow === undefined ? {} : { shadow }),
        ...(canary === undefined ? {} : { canary }),
        ...(stale === undefined ? {} : { stale }),
      };
      const lines = [
        ...(stale === undefined ? [] : staleLines(stale)),
        ...(shadow === undefined ? [] : shadowLines(shadow)),
        ...(canary === undefined ? [] : canaryLines(canary)),
      ];
      if (given.json) printJson({ ...status, flows, ...reads });
      else print([renderStatus(status, flows), ...lines].join('\n'));
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
      'Writes the cuts, gates, certificates and failures, who did what when, and every record of the journal, after verifying its chain of hashes. Reads the journal alone: also when both systems are gone. The chain shows what was changed, taken out, put in or moved; that the newest records were cut off shows only against a hash that was kept elsewhere (--head).',
    )
    .option('-f, --file <path>', 'migration file', 'teal.yaml')
    .option('--out <path>', 'write it there instead of printing it')
    .addOption(new Option('--html', 'HTML instead of Markdown: one file, no script').default(false).conflicts('json'))
    .option('--json', 'JSON instead of Markdown', false)
    .option('--verify', 'write nothing: tell whether the chain of hashes is unbroken, and where it ends', false)
    .option('--head <hash>', 'with --verify: a hash that was kept elsewhere, which a record must have', hashOf)
    .action((given: ReportArguments) => {
      const loaded = loadSpec(given.file, process.env);
      if (given.verify || given.head !== undefined) {
        tellProof(loaded.spec.name, proveJournalOf(loaded, given.head), given.json);
        return;
      }
      const report = readReport(loaded);
      const text = given.json
        ? `${JSON.stringify(report, null, 2)}\n`
        : renderReport(report, given.html ? 'html' : 'markdown');
      if (given.out === undefined) print(text);
      else writeFileSync(given.out, text);
    });
  explain(reportCommand, {
    exits: {
      0: 'written; the chain of hashes is unbroken',
      3: 'with --verify: it is broken, or no record has the hash',
    },
    examples: [
      ['teal report --out report.md', 'the document to keep, also after the migration has ended'],
      ['teal report --html --out report.html', 'the same, to be read in a browser or printed'],
      ['teal status --json | jq -r .head.hash', 'the hash to keep elsewhere: in a ticket, in a mail'],
      ['teal report --verify --head 3f28…', 'whether the journal is what it was, and nothing was cut off since'],
    ],
  });
}

function hashOf(text: string): string {
  const hash = text.toLowerCase();
  if (!/^[0-9a-f]{64}$/.test(hash)) throw new InvalidArgumentError('A hash has 64 hexadecimal digits.');
  return hash;
}

function tellProof(name: string, proof: ChainProof, json: boolean): void {
  if (!isProven(proof)) process.exitCode = exitCodes.no;
  if (json) printJson(proof);
  else print(wrap(proofText(name, proof)));
}

function isProven(proof: ChainProof): boolean {
  return proof.unbroken && (proof.kept === undefined || proof.kept.seq !== null);
}

export function proofText(name: string, proof: ChainProof): string {
  if (!proof.unbroken) {
    const { firstBad, why, whole } = proof;
    const before = whole.seq === 0 ? 'Nothing before it can be proven.' : `Up to record ${whole.seq} it is whole.`;
    return `${name}: the journal is not what was written, from record ${firstBad} on: ${why}. ${before}`;
  }
  const { head, kept } = proof;
  const chain = `${name}: the chain of hashes is unbroken. ${head.seq} records; the last has the hash ${head.hash}.`;
  if (kept === undefined) return chain;
  return kept.seq === null
    ? `${chain} No record has the hash that was kept: records were cut off, or the journal is another one or was written anew.`
    : `${chain} Record ${kept.seq} has the hash that was kept: up to it nothing was changed or cut off.`;
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
    ...status.cuts.map(
      (it) => `  cut        ${it.cut}, ${it.from} to ${it.to}${topicsNote(it)}: ${it.end}${pauseNote(it)}`,
    ),
    ...(status.ahead ?? []).map((topic) =>
      labelled('  topic      ', `${topic} is on green: its producers write there`),
    ),
    ...(status.groups ?? []).map(({ group, side, movingTo }) =>
      labelled(
        '  group      ',
        `${group} ${movingTo === undefined ? `reads from ${side}` : `is on its way from ${side} to ${movingTo}`}`,
      ),
    ),
    ...(status.soak === undefined
      ? []
      : [
          ...hang(
            '  soak       ',
            `green is live since ${status.soak.sinceIso}; may end ${status.soak.over ? 'now' : status.soak.untilIso}`,
            80,
          ),
          ...healthLines(status.soak),
        ]),
    ...anomalyLines(status),
    ...(status.certificate === undefined
      ? []
      : [`  certified  ${amountText(status.certificate, status.moves)}, ${status.certificate.atIso}`]),
    ...(status.controller === undefined
      ? []
      : [`  controller process ${status.controller.pid} on ${status.controller.host}`]),
    ...(status.supervisor === undefined ? [] : supervisorLines(status.supervisor)),
  ];
  return lines.join('\n');
}

/** What is well is counted, what is not stands with its evidence. */
function anomalyLines({ anomalies }: Status): readonly string[] {
  if (anomalies === undefined || anomalies.open.length === 0) return [];
  return hang('  unusual    ', `${anomalies.open.join(', ')}: \`teal anomalies\` tells more`, 80);
}

function healthLines({ health }: NonNullable<Status['soak']>): readonly string[] {
  if (health === undefined) return [];
  const { atIso, checks, wouldSinceIso, failure } = health;
  const unwell = checks.filter(({ answer }) => answer !== 'yes');
  const would = wouldSinceIso === undefined ? '' : `; would have been rolled back at ${wouldSinceIso}`;
  return [
    labelled('  health     ', `${checks.length - unwell.length} of ${checks.length} well at ${atIso}${would}`),
    ...unwell.map(({ asks, answer, evidence, failures }) =>
      labelled(
        '  health     ',
        `${asks} ${answer}, ${failures} times in a row${evidence === '' ? '' : ` (${evidence})`}`,
      ),
    ),
    ...(failure === undefined ? [] : [labelled('  health     ', `could not be rolled back: ${failure.reason}`)]),
  ];
}

function topicsNote({ topics }: Status['cuts'][number]): string {
  return topics === undefined ? '' : ` (${topics.length} ${topics.length === 1 ? 'topic' : 'topics'})`;
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
  const { flow, mode, now, lagMs, schema, ddl, part } = status;
  const told = logTold(status);
  const why = 'reason' in now ? `: ${now.reason}` : '';
  const lag = lagMs === undefined ? '' : `, ${lagMs} ms behind`;
  const of = part === undefined ? '' : ` for ${part.topics} of ${part.of} topics`;
  return [
    labelled('  flow       ', `${flow} ${now.state}, ${mode}${of}${lag}${why}`),
    ...(told?.budget === 'warn' ? [labelled('  log        ', told.text)] : []),
    ...(schema ?? []).map((each) => labelled('  schema     ', each)),
    ...(ddl === undefined ? [] : [labelled('  ddl        ', `the last that came through: ${ddl}`)]),
  ];
}
