import { nowMs } from '../../kernel/clock.ts';
import { describeError, isTealError } from '../../kernel/errors.ts';
import { labelDigest, type AlertSource, type ToldAlert, type ToldAlerts } from '../../model/alerts.ts';
import type { Gate, GateAnswer } from '../../ports/gate.ts';

export interface AlertQuestion {
  readonly name: string;
  /** All of them must be so. */
  readonly labels: Readonly<Record<string, string>>;
  readonly from: AlertSource;
  /** How long a word is believed, in milliseconds. */
  readonly staleAfterMs: number;
}

/**
 * Yes while an alert that is told here does not fire. Nobody says of an alert that it does not fire, so that silence is a yes only while its source is heard: within the time a word
 * of whatever alert, and one of this alert while it fires. Otherwise it cannot tell. `told`: what was told so far; TEAL-GATES-040. `now`: milliseconds since 1970.
 */
export function alertGate(
  id: string,
  question: AlertQuestion,
  told: () => ToldAlerts,
  now: () => number = nowMs,
): Gate {
  return {
    id,
    asks: `does ${nameOf(question)} not fire?`,
    person: false,
    momentary: true,
    everyMs: 2_000,
    async ask() {
      try {
        return answerOf(question, told(), now());
      } catch (error) {
        if (!isTealError(error, 'TEAL-GATES-040')) throw error;
        return { answer: 'cannot tell', evidence: describeError(error) };
      }
    },
  };
}

const sources: Readonly<Record<AlertSource, string>> = { alertmanager: 'Alertmanager', datadog: 'Datadog' };

function nameOf({ name, labels, from }: AlertQuestion): string {
  const said = Object.entries(labels).map(([label, value]) => `${label}=${JSON.stringify(value)}`);
  return `the alert ${name}${said.length === 0 ? '' : `{${said.join(', ')}}`} of ${sources[from]}`;
}

function answerOf(question: AlertQuestion, told: ToldAlerts, atMs: number): GateAnswer {
  const { from, staleAfterMs } = question;
  const source = sources[from];
  const isFresh = (iso: string | undefined): boolean => iso !== undefined && atMs - Date.parse(iso) <= staleAfterMs;
  const cannotTell = (evidence: string): GateAnswer => ({ answer: 'cannot tell', evidence });
  const ours = told.alerts.filter((alert) => isAsked(alert, question));
  const firing = ours.filter(({ state }) => state === 'firing');
  const [first] = firing.filter(({ toldIso }) => isFresh(toldIso)).sort(bySince);
  if (first !== undefined) {
    const many = firing.length === 1 ? 'it fires' : `${firing.length} of them fire, the first`;
    return { answer: 'not yet', evidence: `${many} since ${first.sinceIso}; told at ${first.toldIso}` };
  }
  const heard = told.heard[from];
  if (heard === undefined) return cannotTell(`${source} has never told anything here`);
  if (!isFresh(heard)) return cannotTell(`the last word of ${source} is of ${heard}`);
  const [silent] = firing;
  if (silent !== undefined) return cannotTell(`it fired at ${silent.toldIso}, and was not told since`);
  const unknown = ours.find(({ state }) => state === 'unknown');
  if (unknown !== undefined) return cannotTell(`${source} had no data of it at ${unknown.toldIso}`);
  const leftOut = told.leftOut[from];
  if (isFresh(leftOut)) return cannotTell(`at ${leftOut} there were more alerts than were told or are kept`);
  const last = ours[0];
  const past = last === undefined ? 'it was never told' : `resolved at ${last.sinceIso}`;
  return { answer: 'yes', evidence: `${past}; the last word of ${source} is of ${heard}` };
}

function isAsked({ source, name, labels }: ToldAlert, question: AlertQuestion): boolean {
  if (source !== question.from || name !== question.name) return false;
  return Object.entries(question.labels).every(([label, value]) => labels.includes(labelDigest(label, value)));
}

function bySince(one: ToldAlert, other: ToldAlert): number {
  return Date.parse(one.sinceIso) - Date.parse(other.sinceIso);
}
