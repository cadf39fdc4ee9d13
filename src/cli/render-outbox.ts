import type { DeadLetter, OutboxLook } from '../app/outbox/index.ts';
import { hang } from '../plan/wrap.ts';
import { tone } from './print.ts';

const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`;

export function renderOutbox(look: OutboxLook): string {
  const { pending, countLimit, oldestMs, dead, behind, due, relay, log } = look;
  const count = pending >= countLimit ? `${countLimit} or more` : String(pending);
  const age = oldestMs === undefined ? '' : `, the oldest for ${seconds(oldestMs)}`;
  return [
    tone('bold', pending === 0 ? 'Nothing waits.' : `${count} events wait${age}.`),
    relay === undefined ? '  relay      none has run yet' : `  relay      ${relayText(relay)}`,
    ...(log === undefined ? [] : [`  log        ${logText(log)}`]),
    `  letters    ${dead} dead, ${behind} behind them, ${due} to be delivered again`,
    ...(dead > 0 ? ['  next       teal outbox letters, then retry or discard'] : []),
  ].join('\n');
}

function logText({ slot, state, isRead, behindBytes, retainedBytes }: NonNullable<OutboxLook['log']>): string {
  if (state !== 'usable') return `slot ${slot} is ${state}: teal outbox unfollow, then start the relay again`;
  const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
  return `slot ${slot}, ${isRead ? 'read' : 'read by nobody'}; ${megabytes(behindBytes)} behind, the server keeps ${megabytes(retainedBytes)} for it`;
}

function relayText({ host, pid, runs, delivered, deliveredAgoMs }: NonNullable<OutboxLook['relay']>): string {
  const last = deliveredAgoMs === undefined ? '' : `, the last ${seconds(deliveredAgoMs)} ago`;
  return `${runs ? `process ${pid} on ${host}` : 'none runs'}; ${delivered} delivered in all${last}`;
}

export function renderLetters(letters: readonly DeadLetter[]): string {
  if (letters.length === 0) return 'There is no letter.';
  return letters
    .map(({ id, state, aggregateType, aggregateId, type, attempts, reason, at }) => {
      const head = `${state.padEnd(6)} ${id}  ${aggregateType} ${aggregateId}: ${type}`;
      if (state === 'behind') return head;
      return [head, ...hang('         ', `${attempts} attempts, ${at}: ${reason}`, 80)].join('\n');
    })
    .join('\n');
}
