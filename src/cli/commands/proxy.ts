import type { Command } from 'commander';
import { loadSpec } from '../../app/load-spec.ts';
import { proxyStatus, serveProxy, type ProxyStatus } from '../../app/serve-proxy.ts';
import { hang } from '../../plan/wrap.ts';
import { explain } from '../explain.ts';
import { exitCodes } from '../exit-codes.ts';
import { print, printJson, tone } from '../print.ts';

interface ProxyArguments {
  readonly file: string;
  readonly status: boolean;
  readonly json: boolean;
}

export function proxyCommand(program: Command): void {
  const command = program
    .command('proxy')
    .summary('run the proxy here, for systemd or a container; or tell how it is')
    .description(
      'Runs the proxy of the migration file in the foreground: clients connect to traffic.listen and are sent to the side that owns the data, before the first `teal up` to blue. Logs JSON lines to standard output. SIGTERM and Ctrl-C let transactions end that run (5 s; a second one does not wait). `teal up` finds it and uses it; without it `teal up` starts one of its own.',
    )
    .option('-f, --file <path>', 'migration file', 'teal.yaml')
    .option('--status', 'tell where the proxy that runs points, its clients, and which of them could not cross', false)
    .option('--json', 'print JSON (the log is JSON always)', false)
    .action(async (given: ProxyArguments) => {
      const loaded = loadSpec(given.file, process.env);
      if (!given.status) return serveProxy(loaded);
      const status = await proxyStatus(loaded);
      if (given.json) printJson(status);
      else print(renderProxyStatus(status));
      if (!status.running || status.mismatch !== undefined) process.exitCode = exitCodes.no;
    });
  explain(command, {
    exits: {
      0: 'ended when told to; with --status: it runs',
      3: 'with --status: none runs, or it was started from another file',
    },
    examples: [
      ['teal proxy', 'serves clients until it is told to end'],
      ['teal proxy --status', 'where it points, and which sessions could not cross a cut'],
    ],
  });
}

export function renderProxyStatus(status: ProxyStatus): string {
  if (!status.running) return `${tone('bold', 'No proxy runs')} for ${status.listen}.`;
  const { about, state, stats } = status;
  const place = state.pointsTo === 'unknown' ? 'it cannot be told' : about.sides[state.pointsTo];
  const lines = [
    tone(
      'bold',
      `${about.migration}: the proxy ${state.mode === 'holding' ? 'holds clients of' : 'points to'} ${state.pointsTo} (${place})`,
    ),
    `  process    ${about.pid}, port ${about.port}, Teal ${about.version}, epoch ${state.epoch}`,
    ...servedBy(about),
    `  clients    ${state.clients}, ${state.inFlight} in a transaction or statement`,
    ...(stats.alarm === undefined ? [] : [hang('  alarm      ', stats.alarm, 80).join('\n')]),
    ...state.pinned.map(({ client, reason, forMs }) =>
      hang('  pinned     ', `${client}: ${reason}, for ${Math.round(forMs / 1_000)} s`, 80).join('\n'),
    ),
    ...(status.mismatch === undefined ? [] : [hang('  not ours   ', status.mismatch, 80).join('\n')]),
  ];
  return lines.join('\n');
}

function servedBy({
  workers,
}: {
  readonly workers?: { readonly pids: readonly number[]; readonly wanted: number };
}): readonly string[] {
  if (workers === undefined) return [];
  const { pids, wanted } = workers;
  return [`  served by  ${pids.length} of ${wanted} processes: ${pids.join(', ')}`];
}
