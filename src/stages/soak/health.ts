import type { GateAnswer } from '../../ports/gate.ts';

/** One question that green must go on answering with yes, and how it has answered. */
export interface Check {
  readonly asks: string;
  readonly answer: GateAnswer['answer'] | 'not asked yet';
  readonly evidence: string;
  /** How often in a row it was answered with no, up to now. */
  readonly failures: number;
}

/** A value that is out of its range is "not yet" to a gate, for it may come into it; of what is live it is a no. */
function isFailure({ answer }: GateAnswer): boolean {
  return answer === 'no' || answer === 'not yet';
}

/** A check after one more answer. Who cannot tell has said neither yes nor no: what was counted stays. */
export function heard(before: Check, answer: GateAnswer): Check {
  const failures = isFailure(answer) ? before.failures + 1 : answer.answer === 'yes' ? 0 : before.failures;
  return { asks: before.asks, answer: answer.answer, evidence: answer.evidence, failures };
}

/** The first that has failed often enough, if one has: by its last answer too, so that nothing is done for what is well again or silent. */
export function failed(checks: readonly Check[], failures: number): Check | undefined {
  return checks.find((check) => check.failures >= failures && (check.answer === 'no' || check.answer === 'not yet'));
}

/** Why blue was made live again, for the journal. */
export function reasonOf({ asks, answer, evidence, failures }: Check): string {
  return `${asks} ${answer}, ${failures} times in a row: ${evidence}`.slice(0, 4_000);
}
