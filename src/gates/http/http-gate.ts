import { TealError } from '../../kernel/errors.ts';
import type { Gate, GateAnswer } from '../../ports/gate.ts';
import { askHttp, cannotTell, jsonOf, shownUrl, type HttpQuestion } from '../http-answer.ts';
import { atPointer } from './json-pointer.ts';

export interface HttpGateOptions {
  readonly id: string;
  /** Put at every asking: a POST must be one that may be repeated. */
  readonly question: HttpQuestion;
  readonly status: number;
  /** Where in the JSON of the answer a value stands, and which it must be, its kind included. */
  readonly value?: { readonly pointer: string; readonly equals: string | number | boolean };
}

/**
 * Yes when a server answers with the expected status and value. Another status or value is a "no"; no answer, a redirect and what is no JSON are "cannot
 * tell". A text that was found is not told: it may be anything.
 */
export function httpGate({ id, question, status, value }: HttpGateOptions): Gate {
  const place = value === undefined ? '' : ` with ${JSON.stringify(value.equals)} at ${shownPointer(value.pointer)}`;
  return {
    id,
    asks: `does ${question.method} ${shownUrl(question.url)} answer ${status}${place}?`,
    person: false,
    momentary: true,
    everyMs: 5_000,
    async ask(signal) {
      try {
        const answer = await askHttp(question, signal);
        if (answer.status !== status) return otherStatus(answer.status, status);
        if (value === undefined) return { answer: 'yes', evidence: `status ${status}` };
        const found = atPointer(jsonOf(answer), value.pointer);
        if (found === value.equals)
          return { answer: 'yes', evidence: `status ${status}, and the value is the expected one` };
        const evidence = `status ${status}; at ${shownPointer(value.pointer)} is ${kindOf(found)}, expected ${JSON.stringify(value.equals)}`;
        return { answer: 'no', evidence };
      } catch (error) {
        return cannotTell(error, signal);
      }
    },
  };
}

function otherStatus(found: number, expected: number): GateAnswer {
  // To a page that asks for a password, as a rule: whoever was asked has not answered.
  if (found >= 300 && found < 400)
    throw new TealError('TEAL-GATES-001', `status ${found}: it redirects, which is not followed`, { status: found });
  return { answer: 'no', evidence: `status ${found}, expected ${expected}` };
}

function shownPointer(pointer: string): string {
  return pointer === '' ? 'its top' : pointer;
}

function kindOf(found: unknown): string {
  if (found === undefined) return 'nothing';
  if (typeof found === 'number' || typeof found === 'boolean' || found === null) return String(found);
  if (typeof found === 'string') return `another text (${found.length} characters)`;
  return Array.isArray(found) ? 'a list' : 'a mapping';
}
