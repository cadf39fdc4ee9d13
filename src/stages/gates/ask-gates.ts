import { monotonicMs, sleep } from '../../kernel/clock.ts';
import { describeError, TealError } from '../../kernel/errors.ts';
import type { Journal } from '../../journal/journal.ts';
import type { Gate, GateAnswer } from '../../ports/gate.ts';

export type GatesResult =
  | { readonly result: 'open' }
  /** Only a person can answer, and has not. */
  | { readonly result: 'waiting'; readonly gate: string; readonly asks: string; readonly evidence: string }
  /** An answer that waiting does not mend, or the limit of waiting. */
  | { readonly result: 'closed'; readonly gate: string; readonly asks: string; readonly answer: GateAnswer };

export interface GatesRun {
  readonly journal: Journal;
  readonly signal: AbortSignal;
  readonly onAnswer: (gate: Gate, answer: GateAnswer) => void;
  /** How long "not yet" and "cannot tell" are asked again, for each gate. */
  readonly patienceMs: number;
}

const askEveryMs = 500;

/**
 * Asks gates in order, each until it says yes; then those whose yes may be over by now once more, until all of them have said it without being waited for. Every change
 * of an answer is journalled, not every asking.
 */
export async function askGates(gates: readonly Gate[], run: GatesRun): Promise<GatesResult> {
  for (const gate of gates) {
    const result = await askUntilYes(gate, run);
    if (result.result !== 'open') return result;
  }
  const momentary = gates.filter((gate) => gate.momentary === true);
  const deadline = monotonicMs() + run.patienceMs;
  for (let waited = true; waited;) {
    waited = false;
    for (const gate of momentary) {
      const result = await askUntilYes(gate, run);
      if (result.result !== 'open') return result;
      if (result.askings > 1 && monotonicMs() > deadline) return neverTogether(gate);
      waited ||= result.askings > 1;
    }
  }
  return { result: 'open' };
}

/** Each says yes when it is waited for, and none while another is. */
function neverTogether(gate: Gate): GatesResult {
  const answer = { answer: 'not yet', evidence: 'it says yes, but not at the same time as the others' } as const;
  return { result: 'closed', gate: gate.id, asks: gate.asks, answer };
}

async function askOnce(gate: Gate, signal: AbortSignal): Promise<GateAnswer> {
  try {
    return await gate.ask(signal);
  } catch (error) {
    signal.throwIfAborted();
    throw new TealError('TEAL-ENGINE-005', `${gate.id}: ${describeError(error)}`, { gate: gate.id }, error);
  }
}

type Asked = Exclude<GatesResult, { readonly result: 'open' }> | { readonly result: 'open'; readonly askings: number };

async function askUntilYes(gate: Gate, run: GatesRun): Promise<Asked> {
  run.journal.append({ type: 'gateAsked', gate: gate.id, asks: gate.asks, person: gate.person });
  const deadline = monotonicMs() + run.patienceMs;
  let told: string | undefined;
  for (let askings = 1; ; askings += 1) {
    const answer = await askOnce(gate, run.signal);
    if (answer.answer !== told) {
      told = answer.answer;
      run.journal.append({
        type: 'gateAnswered',
        gate: gate.id,
        answer: answer.answer,
        evidence: answer.evidence.slice(0, 4_000),
      });
    }
    run.onAnswer(gate, answer);
    if (answer.answer === 'yes') return { result: 'open', askings };
    if (gate.person) return { result: 'waiting', gate: gate.id, asks: gate.asks, evidence: answer.evidence };
    if (answer.answer === 'no' || monotonicMs() > deadline)
      return { result: 'closed', gate: gate.id, asks: gate.asks, answer };
    await sleep(gate.everyMs ?? askEveryMs, run.signal);
  }
}
