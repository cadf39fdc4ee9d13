import { isoNow, monotonicMs, sleep } from '../kernel/clock.ts';
import { describeError, isTealError } from '../kernel/errors.ts';
import type { Gate, GateAnswer } from '../ports/gate.ts';
import type { Spec } from '../spec/spec.ts';
import { failed, heard, reasonOf, type Check } from '../stages/soak/health.ts';
import { failureOf, type Failure } from '../sync/receiver.ts';

/** What the watch of a soak has seen, for `teal status`. */
export interface SoakSeen {
  readonly version: 1;
  readonly pid: number;
  /** The cut that made green live. */
  readonly cut: string;
  readonly atIso: string;
  readonly checks: readonly Check[];
  /** Since when it would have been rolled back, with `onFailure: tell`. */
  readonly wouldSinceIso?: string;
  /** Why the last attempt to roll back has failed. */
  readonly failure?: Failure;
}

export interface SoakPorts {
  readonly gates: readonly Gate[];
  readonly rule: Pick<Spec['soak'], 'everyMs' | 'failures' | 'onFailure'>;
  /** The cut that made green live, while its soak is to be watched. */
  readonly soaking: () => Promise<string | undefined>;
  /** Whether a command has ended the watch; asked often. */
  readonly isWanted: () => Promise<boolean>;
  readonly tell: (seen: SoakSeen) => Promise<void>;
  /** Into the journal. Rejects while a command has it. */
  readonly note: (text: string) => Promise<void>;
  /** Because of this check. */
  readonly rollBack: (reason: string, ill: Check) => Promise<void>;
  readonly log: (text: string) => void;
}

/** Each attempt makes clients wait: after this many it is left to a person, until all is well once more. */
export const attemptsAllowed = 3;
/** Between two looks whether it is wanted still. */
const lookEveryMs = 500;

interface Doings {
  readonly attempts: number;
  readonly wouldSinceIso?: string;
  readonly failure?: Failure;
}

const nothingDone: Doings = { attempts: 0 };

/** Asks all of them again and again, and makes blue live again when one has failed often enough. Resolves when there is nothing to watch any more. */
export async function watchSoak(ports: SoakPorts, signal: AbortSignal): Promise<void> {
  let watched: string | undefined;
  let checks: readonly Check[] = [];
  let done = nothingDone;
  for (;;) {
    const cut = await ports.soaking();
    if (cut === undefined) return;
    if (cut !== watched) {
      watched = cut;
      checks = ports.gates.map(({ asks }) => ({ asks, answer: 'not asked yet', evidence: '', failures: 0 }));
      done = nothingDone;
    }
    checks = await askAll(ports.gates, checks, signal);
    done = await actOn(checks, done, ports);
    const { wouldSinceIso, failure } = done;
    await ports.tell({
      version: 1,
      pid: process.pid,
      cut,
      atIso: isoNow(),
      checks,
      ...(wouldSinceIso === undefined ? {} : { wouldSinceIso }),
      ...(failure === undefined ? {} : { failure }),
    });
    await pause(ports, signal);
  }
}

async function askAll(
  gates: readonly Gate[],
  before: readonly Check[],
  signal: AbortSignal,
): Promise<readonly Check[]> {
  const answers = await Promise.all(gates.map(async (gate) => answerOf(gate, signal)));
  return before.map((check, index) => heard(check, answers[index] ?? { answer: 'cannot tell', evidence: '' }));
}

async function answerOf(gate: Gate, signal: AbortSignal): Promise<GateAnswer> {
  try {
    return await gate.ask(signal);
  } catch (error) {
    signal.throwIfAborted();
    return { answer: 'cannot tell', evidence: describeError(error) };
  }
}

async function actOn(checks: readonly Check[], done: Doings, ports: SoakPorts): Promise<Doings> {
  const { rule } = ports;
  const ill = failed(checks, rule.failures);
  if (ill === undefined) return checks.every(({ failures }) => failures === 0) ? nothingDone : done;
  return rule.onFailure === 'tell' ? tellOnce(ill, done, ports) : leave(ill, done, ports);
}

async function tellOnce(ill: Check, done: Doings, { note, log }: SoakPorts): Promise<Doings> {
  if (done.wouldSinceIso !== undefined) return done;
  try {
    await note(`soak.onFailure is tell; otherwise blue would be live again now: ${reasonOf(ill)}`);
    return { ...done, wouldSinceIso: isoNow() };
  } catch (error) {
    // A command has the journal: the next round writes it.
    log(`the journal has no note of it yet: ${describeError(error)}`);
    return done;
  }
}

async function leave(ill: Check, done: Doings, { rollBack, log }: SoakPorts): Promise<Doings> {
  if (done.attempts >= attemptsAllowed) return done;
  const reason = reasonOf(ill);
  log(`rolls back: ${reason}`);
  try {
    await rollBack(reason, ill);
    return { attempts: done.attempts };
  } catch (error) {
    const failure = failureOf(error);
    log(`could not roll back: ${failure.reason}`);
    // Somebody is at it: what they do is not ended by this.
    const isBusy = isTealError(error, 'TEAL-JOURNAL-003');
    return { attempts: done.attempts + (isBusy ? 0 : 1), failure };
  }
}

async function pause({ rule, isWanted }: SoakPorts, signal: AbortSignal): Promise<void> {
  const until = monotonicMs() + rule.everyMs;
  for (let rest = rule.everyMs; rest > 0 && (await isWanted()); rest = until - monotonicMs()) {
    await sleep(Math.min(rest, lookEveryMs), signal);
  }
}
