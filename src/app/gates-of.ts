import { join, resolve } from 'node:path';
import { alertGate } from '../gates/alert/alert-gate.ts';
import { backupGate } from '../gates/command/backup-gate.ts';
import { commandGate } from '../gates/command/command-gate.ts';
import { datadogGate } from '../gates/datadog/datadog-gate.ts';
import { figuresGate } from '../gates/figures/figures-gate.ts';
import { freezeGate } from '../gates/freeze/freeze-gate.ts';
import { httpGate } from '../gates/http/http-gate.ts';
import { personGate, type PersonsAnswer } from '../gates/person/person-gate.ts';
import { prometheusGate } from '../gates/prometheus/prometheus-gate.ts';
import { bothSidesGate } from '../gates/sql/both-sides-gate.ts';
import { sqlGate } from '../gates/sql/sql-gate.ts';
import { windowGate } from '../gates/window/window-gate.ts';
import { unreachable } from '../kernel/assert.ts';
import type { Side } from '../model/catalog.ts';
import type { Served } from '../model/served.ts';
import type { Moved } from '../kernel/vocabulary.ts';
import type { Carrier } from '../ports/carrier.ts';
import type { Gate } from '../ports/gate.ts';
import type { AskValue } from '../ports/query.ts';
import { familyOf, movedIn } from '../spec/families.ts';
import type { GateSpec, OutsideGate, Spec } from '../spec/spec.ts';
import { flowFrom } from '../stages/cutover/cut-steps.ts';
import { lagGate } from '../stages/gates/lag-gate.ts';
import { verifyGate, type Verified } from '../stages/gates/verify-gate.ts';
import { readAlerts } from './kept-alerts.ts';

/** How long "not yet" and "cannot tell" are asked again. */
export const gatePatienceMs = 30 * 60_000;
const gateCommandTimeoutMs = 5 * 60_000;

/** What gates ask. */
export interface GatePorts {
  /** From which paths of the file lead. */
  readonly folder: string;
  /** Where what was told of alerts is kept. */
  readonly stateDir: string;
  readonly live: Side;
  readonly carrier: Carrier;
  readonly ask: AskValue;
  readonly verify: () => Promise<Verified>;
  readonly approval: (gate: string) => PersonsAnswer | undefined;
}

/** What those ask that ask neither the migration nor a person. */
export type OutsidePorts = Pick<GatePorts, 'folder' | 'stateDir' | 'ask'>;

/** The gates of a file, in its order. */
export function gatesOf(spec: Spec, ports: GatePorts): readonly Gate[] {
  return spec.cutover.gates.map((gate, index) =>
    gateOf(gate, gateId(index), { ...ports, moved: movedIn(familyOf(spec.blue.system)) }),
  );
}

/** The backup that is made before each attempt at a cut; undefined where the file asks for none. */
export function backupOf(
  { cutover: { backup } }: Pick<Spec, 'cutover'>,
  { folder, stateDir }: { readonly folder: string; readonly stateDir: string },
): Gate | undefined {
  if (backup === undefined) return undefined;
  const [program = '', ...args] = backup.command;
  const log = join(stateDir, 'backup', 'log');
  return backupGate({ id: 'cutover.backup', command: [program, ...args], folder, log, timeoutMs: backup.timeoutMs });
}

/** What green must go on answering with yes, in the order of the file: nothing in it asks the flow, a comparison or a person. */
export function healthOf({ soak }: Spec, ports: OutsidePorts): readonly Gate[] {
  return soak.health.map((gate, index) => outsideGate(gate, `soak.health[${index}]`, ports));
}

/** What clients may meet on green, in the order of the file. `baseline`: what they met on blue; `look`: what green has served. */
export function figuresOf(
  { soak }: Spec,
  baseline: Served | undefined,
  look: () => Promise<Served | undefined>,
): readonly Gate[] {
  return soak.rollBackOn.map(({ atLeast, ...rule }, index) =>
    figuresGate({ id: `soak.rollBackOn[${index}]`, rule, atLeast, baseline, look }),
  );
}

/** What must go on being answered with yes while green answers reads of clients. */
export function revertOnOf({ canary }: Spec, ports: OutsidePorts): readonly Gate[] {
  return (canary?.revertOn ?? []).map((gate, index) => outsideGate(gate, `canary.revertOn[${index}]`, ports));
}

function gateOf(gate: GateSpec, id: string, ports: GatePorts & { readonly moved: Moved }): Gate {
  switch (gate.kind) {
    case 'lag':
      return lagGate({ id, flow: flowFrom(ports.live), maxLagMs: gate.maxLagMs, forMs: gate.forMs }, ports.carrier);
    case 'verify':
      return verifyGate(id, ports.verify, () => undefined, ports.moved);
    case 'person':
      return personGate(id, gate.person, () => ports.approval(id));
    default:
      return outsideGate(gate, id, ports);
  }
}

/** Those that ask neither the migration nor a person. */
function outsideGate(gate: OutsideGate, id: string, ports: OutsidePorts): Gate {
  switch (gate.kind) {
    case 'sql':
      return sqlGate({ id, on: gate.on, sql: gate.sql, equals: gate.equals }, ports.ask);
    case 'sql on both':
      return bothSidesGate({ id, ...gate }, ports.ask);
    case 'command': {
      const [program = '', ...args] = gate.command;
      return commandGate({ id, command: [program, ...args], timeoutMs: gateCommandTimeoutMs });
    }
    case 'http': {
      const { http, method, body, status, value } = gate;
      const question = { ...fromFolder(http, ports.folder), method, ...(body === undefined ? {} : { body }) };
      return httpGate({ id, question, status, ...(value === undefined ? {} : { value }) });
    }
    case 'prometheus':
      return prometheusGate({
        id,
        query: gate.query,
        server: fromFolder(gate.http, ports.folder),
        range: gate.range,
      });
    case 'window':
      return windowGate({ id, window: gate, patienceMs: gatePatienceMs });
    case 'freeze':
      return freezeGate({ id, file: resolve(ports.folder, gate.file), patienceMs: gatePatienceMs });
    case 'datadog':
      return datadogGate(id, gate.asks, fromFolder(gate.server, ports.folder));
    case 'alert':
      return alertGate(id, gate, () => readAlerts(ports.stateDir));
    default:
      return unreachable(gate, 'gate');
  }
}

function fromFolder<T extends { readonly ca?: string }>(http: T, folder: string): T {
  return http.ca === undefined ? http : { ...http, ca: resolve(folder, http.ca) };
}

/** Of the gate at this place in the file: its name in the journal. */
export function gateId(index: number): string {
  return `cutover.gates[${index}]`;
}
