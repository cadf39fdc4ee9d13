import { isoNow } from '../kernel/clock.ts';
import { isTealError } from '../kernel/errors.ts';
import { emptyState } from '../journal/fold.ts';
import type { MigrationState } from '../journal/state.ts';
import { expose } from '../observe/exposition.ts';
import type { Watched } from '../server/served.ts';
import type { JournalFeed } from '../server/journal-feed.ts';
import {
  flowSchema,
  type CertificatesAnswer,
  type CertificateSummary,
  type DifferencesAnswer,
  type ProxyRates,
  type Rates,
} from '../server/schemas.ts';
import type { FlowStatus } from '../ports/carrier.ts';
import type { Certificate } from '../verify/certificate.ts';
import { commandsOf } from './api-commands.ts';
import { approve, personGates } from './approve.ts';
import { certificateNames, readCertificate, tableDifferences } from './kept-certificates.ts';
import { readDifferences } from './keep-differences.ts';
import { readRepair } from './kept-repair.ts';
import { readProgress } from './kept-progress.ts';
import { keepAlerts } from './kept-alerts.ts';
import type { LoadedSpec } from './load-spec.ts';
import { measure, proxySample } from './measure.ts';
import { planMigration } from './plan-migration.ts';
import { readFlows } from './read-flows.ts';
import { readProxy, type ProxyLook } from './read-proxy.ts';
import { sharedAnswer } from './shared-answer.ts';
import { anomaliesOfStatus, soakOfStatus, statusOf } from './status.ts';
import { readSupervisor } from './supervision.ts';
import { canaryTold, gatesTold, shadowTold, tablesTold } from './watch-pages.ts';

const planLimitMs = 60_000;
/** A plan looks at both systems: many who ask at once must not. */
const planKeptMs = 10_000;
const lookKeptMs = 1_000;
const certificatesTold = 100;

export interface ApiOfMigration {
  /** As the API was started with. */
  readonly loaded: LoadedSpec;
  /** The file as it is now: gates are those that the next command asks. */
  readonly reload: () => LoadedSpec;
  /** Of commands that are started. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly feed: JournalFeed;
  /** Ends what is asked of systems when the API stops. */
  readonly signal: AbortSignal;
}

/** A carrier may say more of a flow than its port asks for, and than the API describes. */
function described(status: FlowStatus): FlowStatus {
  const known = Object.entries(status).filter(([key]) => key in flowSchema.shape);
  return Object.fromEntries(known) as unknown as FlowStatus;
}

/** What the API tells of a migration, from its journal, its files and its processes; of the systems themselves only the plan asks. */
export function watchedBy({ loaded, reload, env, feed, signal }: ApiOfMigration): Watched & {
  readonly rates: () => Promise<Rates>;
} {
  const { spec, stateDir } = loaded;
  const flows = sharedAnswer(lookKeptMs, async () => (await readFlows(loaded)).map(described));
  const proxy = sharedAnswer(lookKeptMs, async () => readProxy(loaded));
  const metrics = sharedAnswer(lookKeptMs, async () => expose(await measure(loaded, feed)));
  const plan = sharedAnswer(planKeptMs, async () => {
    const planned = await planMigration(loaded, AbortSignal.any([signal, AbortSignal.timeout(planLimitMs)]));
    return planned.plan;
  });
  const differences = sharedAnswer(lookKeptMs, async () => newestDifferences(stateDir, false));
  const differencesOfRows = sharedAnswer(lookKeptMs, async () => newestDifferences(stateDir, true));
  const tables = sharedAnswer(lookKeptMs, async () => tablesTold(loaded, stateOrEmpty(feed)));
  return {
    name: spec.name,
    metrics,
    plan,
    tables,
    gates: async () => gatesTold(reload(), stateOrEmpty(feed)),
    canary: sharedAnswer(lookKeptMs, async () => canaryTold(loaded)),
    shadow: sharedAnswer(lookKeptMs, async () => shadowTold(loaded)),
    migration: async () => {
      const told = statusOf(spec, feed.state(), feed.holder);
      const status = { ...told, ...soakOfStatus(told, stateDir), ...anomaliesOfStatus(loaded) };
      const supervisor = readSupervisor(stateDir);
      const progress = readProgress(stateDir);
      return {
        ...status,
        head: feed.head,
        ...(supervisor === undefined ? {} : { supervisor }),
        ...(progress === undefined ? {} : { progress }),
        flows: await flows(),
      };
    },
    rates: async () => {
      const look = await proxy();
      const progress = readProgress(stateDir);
      return {
        atIso: isoNow(),
        flows: await flows(),
        ...(look === undefined ? {} : { proxy: proxyRates(look) }),
        ...(progress === undefined ? {} : { progress }),
      };
    },
    certificates: sharedAnswer(lookKeptMs, async () => listed(stateDir)),
    certificate: async (name) => readCertificate(stateDir, name),
    differences: async (withRows) => (withRows ? differencesOfRows() : differences()),
    commands: commandsOf({ reload, stateDir, env, signal, state: () => stateOrEmpty(feed) }),
    alerts: async (notice) => keepAlerts(stateDir, notice),
    approvals: async () => personGates(reload(), stateOrEmpty(feed)),
    approve: async ({ gate, comment }, { name }) =>
      approve(reload(), {
        gate,
        by: name,
        role: 'approve',
        signal,
        ...(comment === undefined ? {} : { comment }),
      }),
  };
}

/** Before the first `teal up` the file has its gates all the same. */
function stateOrEmpty(feed: JournalFeed): MigrationState {
  try {
    return feed.state();
  } catch (error) {
    if (isTealError(error, 'TEAL-JOURNAL-008')) return emptyState;
    throw error;
  }
}

function proxyRates(look: ProxyLook): ProxyRates {
  const { state, ...counts } = proxySample(look);
  const { mode, pointsTo, clients, inFlight, pinned } = state;
  return { mode, pointsTo, clients, inFlight, pinned: pinned.length, ...counts };
}

async function listed(stateDir: string): Promise<CertificatesAnswer> {
  const names = (await certificateNames(stateDir)).slice(0, certificatesTold);
  const certificates: CertificateSummary[] = [];
  for (const name of names) {
    const certificate = await readCertificate(stateDir, name);
    if (certificate !== undefined) certificates.push(summaryOf(name, certificate));
  }
  return { certificates };
}

function summaryOf(name: string, certificate: Certificate): CertificateSummary {
  const { result, precision, flow, startedAt, durationMs, live, tables, sha256 } = certificate;
  return {
    name,
    result,
    precision,
    flow,
    startedAt,
    durationMs,
    live: { side: live.side, position: live.position },
    tables: tables.length,
    different: tables.filter(({ outcome }) => outcome !== 'equal').length,
    sha256,
  };
}

async function newestDifferences(stateDir: string, withRows: boolean): Promise<DifferencesAnswer> {
  const [newest] = await certificateNames(stateDir);
  const certificate = newest === undefined ? undefined : await readCertificate(stateDir, newest);
  if (newest === undefined || certificate === undefined) return { tables: [], objects: [] };
  return {
    certificate: newest,
    startedAt: certificate.startedAt,
    tables: tableDifferences(certificate, {
      differences: await readDifferences(stateDir, newest),
      repair: withRows ? await readRepair(stateDir, newest) : undefined,
      withRows,
    }),
    objects: certificate.objects.differences,
  };
}
