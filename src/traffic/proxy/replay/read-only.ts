import { judgeText, type VolatileFunctions } from '../shadow/judge.ts';
import type { PlainMessage } from '../../../wire/postgres/plain-message.ts';

/** A unit as it is put to a side on which nothing may be written, or why it is not. */
export type Admitted = { readonly send: readonly PlainMessage[] } | { readonly skip: string };

/** Read-only transactions refuse what functions would write. */
const noneKnown: VolatileFunctions = { builtIn: new Set(), own: new Set() };
const control = /^(?:commit|end|rollback|abort|savepoint|release)$/;
const ofSession = /^(?:set|reset|show|deallocate|prepare|execute|declare|fetch|move|close|explain)$/;
const identity = /\b(?:session\s+)?authorization\b|\bcharacteristics\b/i;

/** Pure. `texts`: what the unit runs. */
export function readOnlyUnit(messages: readonly PlainMessage[], texts: readonly (string | undefined)[]): Admitted {
  for (const text of texts) {
    const skip = text === undefined ? 'not understood' : whyNotRead(text);
    if (skip !== undefined) return { skip };
  }
  return { send: messages.map(readOnlyMessage) };
}

/** Why a text is not put to a side where nothing may be written; undefined when it may. */
export function whyNotRead(text: string): string | undefined {
  if (/transaction_read_only|read\s+write/i.test(text) && !beginning(text)) return 'a write';
  const { read, why } = judgeText(text, noneKnown);
  if (read !== undefined || why === undefined) return undefined;
  if (why === 'reads what is of the server itself' || why === 'calls a volatile function') return undefined;
  if (why !== 'no read') return why;
  const [first = '', second = ''] = wordsOf(text);
  if (first === '' || beginning(text)) return undefined;
  if (control.test(first)) return second === 'prepared' ? 'a write' : undefined;
  if (first === 'prepare' && second === 'transaction') return 'a write';
  if (!ofSession.test(first)) return first === 'discard' ? 'ends what the session is' : 'a write';
  return identity.test(text) ? 'ends what the session is' : undefined;
}

function wordsOf(text: string): readonly string[] {
  return text
    .replace(/^(?:\s|--[^\n]*\n|\/\*[\s\S]*?\*\/)+/, '')
    .toLowerCase()
    .split(/[\s;(]+/, 2);
}

function beginning(text: string): boolean {
  const [first = '', second = ''] = wordsOf(text);
  return first === 'begin' || (first === 'start' && second === 'transaction');
}

/** The message as it is put to such a side. */
export function readOnlyMessage(message: PlainMessage): PlainMessage {
  if (message[0] === 'Q') return ['Q', beginsReadOnly(message[1])];
  return message[0] === 'P' ? ['P', message[1], beginsReadOnly(message[2]), message[3]] : message;
}

/** A transaction that the client has begun, with its isolation, but read-only whatever it said. */
function beginsReadOnly(text: string): string {
  if (!beginning(text)) return text;
  const isolation = /serializable|repeatable\s+read/i.exec(text)?.[0];
  return isolation === undefined ? 'begin read only' : `begin isolation level ${isolation} read only`;
}
