import { isSelected } from '../../model/table-selection.ts';
import { checkActivity } from './checks/activity.ts';
import { checkCapacity } from './checks/capacity.ts';
import { checkClients } from './checks/clients.ts';
import { checkConnect } from './checks/connect.ts';
import { checkGeneratedIdentity } from './checks/generated-identity.ts';
import { checkGreen } from './checks/green.ts';
import { checkPolling } from './checks/polling.ts';
import { checkRecorder } from './checks/recorder.ts';
import { checkRights } from './checks/rights.ts';
import { checkServers } from './checks/servers.ts';
import { checkTables } from './checks/tables.ts';
import { checkTenants } from './checks/tenants.ts';
import { checkValues } from './checks/values.ts';
import { estimate, type Estimates } from './estimate.ts';
import type { AssessOptions, Finding, SideView, Situation } from './finding.ts';
import { inventoryOf, type Inventory } from './inventory.ts';

export interface Assessment {
  /** Blockers first, then warnings, then notes; within each as the checks come: servers, rights, green, tables, values, clients, activity. */
  readonly findings: readonly Finding[];
  readonly inventory: Inventory;
  readonly estimates: Estimates;
}

const ranks = { blocker: 0, warning: 1, note: 2 } as const;

const checks: readonly ((situation: Situation) => readonly Finding[])[] = [
  checkServers,
  checkRecorder,
  checkPolling,
  checkConnect,
  checkRights,
  checkCapacity,
  checkGreen,
  checkTables,
  checkTenants,
  checkGeneratedIdentity,
  checkValues,
  checkClients,
  checkActivity,
];

/** Pure: judges what two introspectors have said. Asks nothing and changes nothing, so the same answer comes from the same facts, also from kept ones. */
export function assess(blue: SideView, green: SideView, options: AssessOptions = {}): Assessment {
  const managed = blue.catalog.tables.filter((table) => isSelected(table, options));
  const leftOut = blue.catalog.tables.filter((table) => !isSelected(table, options));
  const { proxyReadsPasswords = false, method = 'log', polled = [], pollColumns = {} } = options;
  const situation: Situation = {
    blue,
    green,
    managed,
    leftOut,
    proxyReadsPasswords,
    method,
    polled,
    pollColumns,
    connect: options.connect,
    tenants: options.tenants,
  };
  return Object.freeze({
    findings: inOrder(checks.flatMap((check) => check(situation))),
    inventory: inventoryOf(situation),
    estimates: estimate(managed, blue.facts, options.copyBytesPerSecond),
  });
}

export function blockersOf(assessment: Pick<Assessment, 'findings'>): readonly Finding[] {
  return assessment.findings.filter(({ severity }) => severity === 'blocker');
}

/** Each thing said once, blockers first. */
export function inOrder(findings: readonly Finding[]): readonly Finding[] {
  return withoutRepeats(findings).toSorted((a, b) => ranks[a.severity] - ranks[b.severity]);
}

/** Two checks may stumble over the same unknown fact. */
function withoutRepeats(findings: readonly Finding[]): readonly Finding[] {
  const seen = new Set<string>();
  return findings.filter((finding) => {
    const key = JSON.stringify([finding.code, finding.side, finding.object]);
    if (finding.code !== 'ASSESS-UNKNOWN') return true;
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}
