import type { FlowStatus } from '../ports/carrier.ts';
import type { Labels, Measured, Metric } from './metric.ts';
import { readsMetrics } from './reads-metrics.ts';
import { flows, type JournalSample, type ProxySample, type Sample } from './sample.ts';

const phases = ['new', 'blue', 'cutting', 'crossing', 'green', 'back', 'finalised', 'aborted'];
const flowStates = ['running', 'waiting', 'paused', 'failed'];
const gateAnswers = ['yes', 'no', 'not yet', 'cannot tell', 'not asked'];
const stageStates = ['running', 'finished', 'undone'];
const sides = ['blue', 'green'] as const;

const one = (value: number | undefined, labels: Labels = {}): readonly Measured[] =>
  value === undefined || !Number.isFinite(value) ? [] : [{ labels, value }];

const stateSet = (label: string, states: readonly string[], now: string, labels: Labels = {}): readonly Measured[] =>
  states.map((state) => ({ labels: { ...labels, [label]: state }, value: state === now ? 1 : 0 }));

const seconds = (ms: number | undefined): number | undefined => (ms === undefined ? undefined : ms / 1_000);
const since = (nowMs: number, ms: number | undefined): number | undefined =>
  ms === undefined ? undefined : Math.max(0, nowMs - ms) / 1_000;

/** Of the journal. */
function told(read: (journal: JournalSample, sample: Sample) => readonly Measured[]): Metric['read'] {
  return (sample) => (sample.journal === undefined ? [] : read(sample.journal, sample));
}

/** Of each flow that answers. */
function each(read: (status: FlowStatus) => number | undefined): Metric['read'] {
  return (sample) => sample.flows.flatMap((status) => one(read(status), { flow: status.flow }));
}

function ofProxy(read: (proxy: ProxySample) => number | undefined): Metric['read'] {
  return (sample) => (sample.proxy === undefined ? [] : one(read(sample.proxy)));
}

const migrationMetrics: readonly Metric[] = [
  {
    name: 'teal_info',
    type: 'gauge',
    help: 'Always 1; which migration this is, and the version of Teal that watches it.',
    labels: ['migration', 'version'],
    read: ({ migration, version }) => one(1, { migration, version }),
  },
  {
    name: 'teal_live_side',
    type: 'gauge',
    help: '1 for the side that owns the data, as far as the journal knows; during a cut the owner row is the truth.',
    labels: ['side'],
    read: told(({ live }) => stateSet('side', sides, live)),
  },
  {
    name: 'teal_phase',
    type: 'gauge',
    help: '1 for the phase that the migration is in: new, blue, cutting, crossing, green, back, finalised, aborted.',
    labels: ['phase'],
    read: told(({ phase }) => stateSet('phase', phases, phase)),
  },
  {
    name: 'teal_stage_state',
    type: 'gauge',
    help: 'Of each stage that was begun, 1 for its state: running, finished, undone.',
    labels: ['stage', 'state'],
    read: told(({ stages }) =>
      Object.entries(stages).flatMap(([stage, state]) => stateSet('state', stageStates, state, { stage })),
    ),
  },
  {
    name: 'teal_steps_open',
    type: 'gauge',
    help: 'Steps that were begun and are not done, by state: intended, failed, undoing.',
    labels: ['state'],
    read: told(({ openSteps }) =>
      ['intended', 'failed', 'undoing'].flatMap((state) => one(openSteps[state] ?? 0, { state })),
    ),
  },
  {
    name: 'teal_progress_done',
    type: 'gauge',
    help: 'How much of what runs now is done, in its unit (bytes of the copy, tables of a comparison). Absent where nothing tells.',
    labels: ['step', 'unit'],
    read: ({ progress }) => (progress === undefined ? [] : one(progress.done, labelsOf(progress))),
  },
  {
    name: 'teal_progress_expected',
    type: 'gauge',
    help: 'How much it is in all, as far as it is known.',
    labels: ['step', 'unit'],
    read: ({ progress }) => (progress === undefined ? [] : one(progress.total, labelsOf(progress))),
  },
  {
    name: 'teal_controller_running',
    type: 'gauge',
    help: '1 while a command or a recovery holds the journal.',
    labels: [],
    read: told(({ isWritten }) => one(isWritten ? 1 : 0)),
  },
  {
    name: 'teal_journal_records',
    type: 'gauge',
    help: 'Records of the journal.',
    labels: [],
    read: told(({ records }) => one(records)),
  },
  {
    name: 'teal_journal_last_record_age_seconds',
    type: 'gauge',
    help: 'How long ago the newest record was written.',
    labels: [],
    read: told(({ lastMs }, { nowMs }) => one(since(nowMs, lastMs))),
  },
  {
    name: 'teal_supervisor_running',
    type: 'gauge',
    help: '1 while the supervisor lives; absent when nothing ought to run.',
    labels: [],
    read: ({ supervisor }) => (supervisor === undefined ? [] : one(supervisor.lives ? 1 : 0)),
  },
  {
    name: 'teal_supervisor_restarts',
    type: 'gauge',
    help: 'How often the supervisor has found a thing dead and started it again, since it began or a command asked for the thing anew.',
    labels: ['thing'],
    read: ({ supervisor }) =>
      Object.entries(supervisor?.restarts ?? {}).map(([thing, value]) => ({ labels: { thing }, value })),
  },
];

const anomalyMetrics: readonly Metric[] = [
  {
    name: 'teal_anomalies',
    type: 'gauge',
    help: 'How many series of both sides, the flow and the proxy are out of the usual; absent where nobody looks (`anomalies` in the file).',
    labels: [],
    read: ({ anomalies }) => (anomalies === undefined ? [] : one(Object.keys(anomalies.open).length)),
  },
  {
    name: 'teal_anomaly_deviation',
    type: 'gauge',
    help: 'Of each series that is out of the usual, how far: in what is usual to both sides of its middle.',
    labels: ['series'],
    read: ({ anomalies }) =>
      Object.entries(anomalies?.open ?? {}).map(([series, value]) => ({ labels: { series }, value })),
  },
  {
    name: 'teal_full_in_seconds',
    type: 'gauge',
    help: 'When what may be used up will be full if it goes on as it did; absent where it does not surely grow.',
    labels: ['side', 'what'],
    read: ({ anomalies, nowMs }) =>
      (anomalies?.full ?? []).map(({ side, what, atMs }) => ({
        labels: { side, what },
        value: Math.max(0, atMs - nowMs) / 1_000,
      })),
  },
];

const gateAndCutMetrics: readonly Metric[] = [
  {
    name: 'teal_gate_answer',
    type: 'gauge',
    help: 'Of each gate that was asked, 1 for its last answer: yes, no, not yet, cannot tell, not asked. `person` says whether one is awaited.',
    labels: ['gate', 'person', 'answer'],
    read: told(({ gates }) =>
      gates.flatMap(({ gate, person, answer }) =>
        stateSet('answer', gateAnswers, answer, { gate, person: person ? 'yes' : 'no' }),
      ),
    ),
  },
  {
    name: 'teal_cut_open',
    type: 'gauge',
    help: '1 while a cut is under way: begun, and neither ended nor taken back.',
    labels: [],
    read: told(({ cutSinceMs }) => one(cutSinceMs === undefined ? 0 : 1)),
  },
  {
    name: 'teal_cut_open_seconds',
    type: 'gauge',
    help: 'How long the cut that is under way has been; 0 where none is.',
    labels: [],
    read: told(({ cutSinceMs }, { nowMs }) => one(since(nowMs, cutSinceMs) ?? 0)),
  },
  {
    name: 'teal_cuts_total',
    type: 'counter',
    help: 'Cuts that have ended, by the side that they were to make live, and how: finished, aborted.',
    labels: ['to', 'end'],
    read: told(({ cuts }) =>
      sides.flatMap((to) =>
        (['finished', 'aborted'] as const).map((end) => ({
          labels: { to, end },
          value: cuts.filter((cut) => cut.to === to && cut.end === end).length,
        })),
      ),
    ),
  },
  {
    name: 'teal_cut_last_pause_seconds',
    type: 'gauge',
    help: 'How long clients waited at most in the last finished cut; where nobody holds them, how long their writes were refused.',
    labels: [],
    read: told(({ cuts }) => one(seconds(cuts.findLast(({ end }) => end === 'finished')?.pauseMs))),
  },
  {
    name: 'teal_owner_epoch',
    type: 'gauge',
    help: 'Epoch of the last decided cut; 0 before any.',
    labels: [],
    read: told(({ epoch }) => one(epoch)),
  },
  {
    name: 'teal_certificates_total',
    type: 'counter',
    help: 'Comparisons that found both sides equal.',
    labels: [],
    read: told(({ certificates }) => one(certificates.count)),
  },
  {
    name: 'teal_verification_age_seconds',
    type: 'gauge',
    help: 'How long ago both sides were last found equal; absent where they never were.',
    labels: [],
    read: told(({ certificates }, { nowMs }) => one(since(nowMs, certificates.lastMs))),
  },
];

const flowMetrics: readonly Metric[] = [
  {
    name: 'teal_flow_up',
    type: 'gauge',
    help: '1 where the worker of the flow runs and answers.',
    labels: ['flow'],
    read: (sample) =>
      flows.flatMap((flow) => one(sample.flows.some((status) => status.flow === flow) ? 1 : 0, { flow })),
  },
  {
    name: 'teal_flow_state',
    type: 'gauge',
    help: '1 for what the flow does: running, waiting (for a person), paused, failed.',
    labels: ['flow', 'state'],
    read: (sample) => sample.flows.flatMap(({ flow, now }) => stateSet('state', flowStates, now.state, { flow })),
  },
  {
    name: 'teal_flow_live',
    type: 'gauge',
    help: '1 where the flow applies what it reads, 0 in shadow, where it reads and checks only.',
    labels: ['flow'],
    read: each(({ mode }) => (mode === 'live' ? 1 : 0)),
  },
  {
    name: 'teal_flow_lag_seconds',
    type: 'gauge',
    help: 'What the newest heartbeat took to come through, or how long the next is overdue; absent until one has come.',
    labels: ['flow'],
    read: each(({ lagMs }) => seconds(lagMs)),
  },
  {
    name: 'teal_flow_lag_bytes',
    type: 'gauge',
    help: "Of the source's log, what was not applied yet. An estimate for people, never a proof.",
    labels: ['flow'],
    read: each(({ lagBytes }) => lagBytes),
  },
  {
    name: 'teal_flow_transactions_total',
    type: 'counter',
    help: 'Transactions that the worker has applied since it began.',
    labels: ['flow'],
    read: each(({ transactions }) => transactions),
  },
  {
    name: 'teal_flow_changes_total',
    type: 'counter',
    help: 'Changes of rows, or records of topics, that the worker has applied since it began.',
    labels: ['flow'],
    read: each(({ changes }) => changes),
  },
  {
    name: 'teal_flow_changes_per_second',
    type: 'gauge',
    help: 'Changes of rows, or records of topics, a second, over the last ten seconds.',
    labels: ['flow'],
    read: each(({ changesPerSecond }) => changesPerSecond),
  },
  {
    name: 'teal_flow_spool_bytes',
    type: 'gauge',
    help: "Received and not applied yet, on Teal's disk.",
    labels: ['flow'],
    read: each(({ spoolBytes }) => spoolBytes),
  },
  {
    name: 'teal_flow_retained_log_bytes',
    type: 'gauge',
    help: 'Log (WAL, binlog) of the source that this flow has not received; a source that keeps it for the flow keeps it on its disk.',
    labels: ['flow'],
    read: each(({ retainedBytes }) => retainedBytes),
  },
  {
    name: 'teal_flow_retained_log_limit_bytes',
    type: 'gauge',
    help: 'How much the source may keep for the flow at most: past it the flow is ended. Absent where nothing is kept.',
    labels: ['flow'],
    read: each(({ retainedLimitBytes }) => retainedLimitBytes),
  },
  {
    name: 'teal_flow_rogue_transactions',
    type: 'gauge',
    help: 'Transactions on the side that is not live that Teal did not make. Must be 0.',
    labels: ['flow'],
    read: each(({ rogueTransactions }) => rogueTransactions),
  },
  {
    name: 'teal_flow_schema_differences',
    type: 'gauge',
    help: 'What the schemas of both sides do not share; absent while it was not looked at.',
    labels: ['flow'],
    read: each(({ schema }) => schema?.length),
  },
];

const proxyMetrics: readonly Metric[] = [
  {
    name: 'teal_proxy_up',
    type: 'gauge',
    help: '1 where the proxy of the migration answers; absent where the file has none.',
    labels: [],
    read: ({ hasProxy, proxy }) => (hasProxy ? one(proxy === undefined ? 0 : 1) : []),
  },
  {
    name: 'teal_proxy_holding',
    type: 'gauge',
    help: '1 while clients are held.',
    labels: [],
    read: ofProxy(({ state }) => (state.mode === 'holding' ? 1 : 0)),
  },
  {
    name: 'teal_proxy_points_to',
    type: 'gauge',
    help: '1 for the side that new statements go to: blue, green, unknown.',
    labels: ['side'],
    read: ({ proxy }) => (proxy === undefined ? [] : stateSet('side', [...sides, 'unknown'], proxy.state.pointsTo)),
  },
  {
    name: 'teal_proxy_clients',
    type: 'gauge',
    help: 'Clients that are connected.',
    labels: [],
    read: ofProxy(({ state }) => state.clients),
  },
  {
    name: 'teal_proxy_in_flight',
    type: 'gauge',
    help: 'Transactions, or statements outside of one, that have begun and not ended.',
    labels: [],
    read: ofProxy(({ state }) => state.inFlight),
  },
  {
    name: 'teal_proxy_pinned_sessions',
    type: 'gauge',
    help: 'Sessions that are known to be unable to cross a cut (temporary tables, advisory locks). Idle sessions are asked by `teal proxy --status` and before a cut.',
    labels: [],
    read: ofProxy(({ state }) => state.pinned.length),
  },
  {
    name: 'teal_proxy_longest_wait_seconds',
    type: 'gauge',
    help: 'The longest that one client waits, in the hold that lasts, or waited in the last one; absent before any.',
    labels: [],
    read: ofProxy(({ longestWaitMs }) => seconds(longestWaitMs)),
  },
  {
    name: 'teal_proxy_alarm',
    type: 'gauge',
    help: '1 where held clients cannot be let go although nobody asked to hold them any longer.',
    labels: [],
    read: ofProxy(({ alarm }) => (alarm ? 1 : 0)),
  },
  {
    name: 'teal_proxy_queries_total',
    type: 'counter',
    help: 'Statements that clients have sent since the proxy began.',
    labels: [],
    read: ofProxy(({ queries }) => queries),
  },
  {
    name: 'teal_proxy_client_received_bytes_total',
    type: 'counter',
    help: 'Bytes that clients have sent.',
    labels: [],
    read: ofProxy(({ bytesIn }) => bytesIn),
  },
  {
    name: 'teal_proxy_client_sent_bytes_total',
    type: 'counter',
    help: 'Bytes that clients were sent.',
    labels: [],
    read: ofProxy(({ bytesOut }) => bytesOut),
  },
];

export const metrics: readonly Metric[] = Object.freeze([
  ...migrationMetrics,
  ...anomalyMetrics,
  ...gateAndCutMetrics,
  ...flowMetrics,
  ...proxyMetrics,
  ...readsMetrics,
]);

function labelsOf({ step, unit }: NonNullable<Sample['progress']>): Labels {
  return { step, unit };
}
