import { commandGate } from '../gates/command/command-gate.ts';
import { personGate, type PersonsAnswer } from '../gates/person/person-gate.ts';
import { sqlGate } from '../gates/sql/sql-gate.ts';
import type { Side } from '../model/catalog.ts';
import type { Carrier } from '../ports/carrier.ts';
import type { Gate } from '../ports/gate.ts';
import type { AskValue } from '../ports/query.ts';
import type { GateSpec, Spec } from '../spec/spec.ts';
import { flowFrom } from '../stages/cutover/cut-steps.ts';
import { lagGate } from '../stages/gates/lag-gate.ts';
import { verifyGate, type Verified } from '../stages/gates/verify-gate.ts';

const gateCommandTimeoutMs = 5 * 60_000;

/** What gates ask. */
export interface GatePorts {
  readonly live: Side;
  readonly carrier: Carrier;
  readonly ask: AskValue;
  readonly verify: () => Promise<Verified>;
  readonly approval: (gate: string) => PersonsAnswer | undefined;
}

/** The gates of a file, in its order. */
export function gatesOf(spec: Spec, ports: GatePorts): readonly Gate[] {
  return spec.cutover.gates.map((gate, index) => gateOf(gate, gateId(index), ports));
}

function gateOf(gate: GateSpec, id: string, ports: GatePorts): Gate {
  switch (gate.kind) {
    case 'lag':
      return lagGate({ id, flow: flowFrom(ports.live), maxLagMs: gate.maxLagMs, forMs: gate.forMs }, ports.carrier);
    case 'verify':
      return verifyGate(id, ports.verify, () => undefined);
    case 'sql':
      return sqlGate({ id, on: gate.on, sql: gate.sql, equals: gate.equals }, ports.ask);
    case 'command': {
      const [program = '', ...args] = gate.command;
      return commandGate({ id, command: [program, ...args], timeoutMs: gateCommandTimeoutMs });
    }
    case 'person':
      return personGate(id, gate.person, () => ports.approval(id));
  }
}

/** Of the gate at this place in the file: its name in the journal. */
export function gateId(index: number): string {
  return `cutover.gates[${index}]`;
}
