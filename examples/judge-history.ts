import { checkRun, findAnomalies, formatEvent, pairEvents, parseEvents } from 'teal/testing';
import type { HistoryEvent, MicroOp, OwnerState } from 'teal/testing';

/**
 * Two clients append to a list and read it while it moves from blue to green, write down what they see, and have it judged: `node examples/judge-history.ts`. Once the
 * cut waits until everything is carried, and once it does not. Put your systems, your carrier and your clients in place of those here.
 */
class System {
  readonly lists = new Map<number, number[]>();

  /** One serializable transaction; what it answers is what it was asked, with what was read. */
  async transact(ops: readonly MicroOp[]): Promise<readonly MicroOp[]> {
    return ops.map((op) => {
      if (op.f === 'r') return { ...op, v: [...(this.lists.get(op.k) ?? [])] };
      if (op.f === 'append') this.lists.set(op.k, [...(this.lists.get(op.k) ?? []), op.v]);
      return op;
    });
  }
}

/** The clock of all processes of this machine. */
const nowUs = (): number => Number(process.hrtime.bigint() / 1_000n);

class RecordingClient {
  readonly #write: (line: string) => void;
  #number: number;
  #op = -1;

  /** `write` appends to this process's file, and returns when the line is there whole. */
  constructor(number: number, write: (line: string) => void) {
    this.#number = number;
    this.#write = write;
  }

  async transact(system: System, ops: readonly MicroOp[]): Promise<void> {
    this.#op += 1;
    this.#tell('invoke', ops);
    try {
      this.#tell('ok', await system.transact(ops));
    } catch {
      // Nobody knows whether it had an effect: whoever goes on from here is another client. `fail` is for what certainly had none.
      this.#tell('info', ops);
      this.#number += 1_000;
      this.#op = -1;
    }
  }

  #tell(type: HistoryEvent['type'], ops: readonly MicroOp[]): void {
    const { wallMs, atUs } = { wallMs: Date.now(), atUs: nowUs() };
    const event = { type, client: this.#number, op: this.#op, atUs, wallMs, isolation: 'serializable' } as const;
    this.#write(formatEvent({ ...event, ops: [...ops] }));
  }
}

/** What the side that owns the data holds, in one snapshot. This workload has lists alone. */
function ownerState({ lists }: System): OwnerState {
  const others = { balances: [], claims: [], ids: [], rows: [], bag: [], sideTable: [] };
  return { side: 'green', epoch: 1, askedUs: nowUs(), lists: [...lists], ...others, takenUs: nowUs() };
}

async function move(waitsForCarrier: boolean): Promise<void> {
  const [blue, green] = [new System(), new System()];
  let history = '';
  const clients = [1, 2].map((number) => new RecordingClient(number, (line) => (history += line)));
  let live = blue;
  for (const v of [10, 20, 30, 40]) {
    for (const [at, client] of clients.entries()) {
      const append = { f: 'append', k: 1, v: v + at } as const;
      await client.transact(live, [{ f: 'r', k: 1 }, append]);
    }
    if (v !== 20) continue;
    const carried = blue.lists.get(1) ?? [];
    green.lists.set(1, waitsForCarrier ? [...carried] : carried.slice(0, -1));
    live = green;
  }

  const txns = pairEvents([parseEvents(history)]);
  const anomalies = findAnomalies(txns);
  console.log(`${txns.length} transactions, ${anomalies.length} anomalies`);
  for (const { kind, text } of anomalies) console.log(`  ${kind}: ${text}`);
  const broken = checkRun({ txns, states: [ownerState(live)] }).map(({ invariant }) => invariant);
  console.log(`  invariants that do not hold: ${[...new Set(broken)].join(', ') || 'none'}`);
}

await move(true);
await move(false);
