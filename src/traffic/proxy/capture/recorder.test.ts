import { expect, test } from 'vitest';
import { encodeBind, encodeExecute, encodeParse, encodeQuery, encodeSync } from '../../../wire/postgres/frontend.ts';
import { encodePlain } from '../../../wire/postgres/plain-message.ts';
import type { CapturedMessage } from './format.ts';
import { recordedNeed, SessionRecorder } from './recorder.ts';
import type { RecorderDesk } from './recorder-desk.ts';
import { Redactor } from './redact.ts';

interface Recorded {
  readonly recorder: SessionRecorder;
  readonly asks: { readonly unit: number; readonly messages: readonly CapturedMessage[] }[];
  readonly told: unknown[];
  readonly send: (...messages: readonly Buffer[]) => void;
}

function recording(part: Partial<RecorderDesk<Redactor>> = {}, known: Readonly<Record<string, Buffer>> = {}): Recorded {
  const asks: Recorded['asks'] = [];
  const told: unknown[] = [];
  const desk: RecorderDesk<Redactor> = {
    isOver: false,
    redactor: undefined,
    ask: (_, unit, messages) => asks.push({ unit, messages: [...messages] }) > 0,
    done: (_, unit, __, error) => void told.push(['done', unit, error]),
    close: () => void told.push('close'),
    leaveOut: (why) => void told.push(why),
    drop: () => void told.push('drop'),
    ...part,
  };
  const recorder = new SessionRecorder(desk, '0-1');
  const send = (...messages: readonly Buffer[]): void => {
    for (const message of messages) {
      const head = message.subarray(0, recordedNeed(message[0] ?? 0, message.length));
      recorder.client(head, message.length, { parseOf: (name) => known[name] });
    }
  };
  return { recorder, asks, told, send };
}

test('units are recorded whole, in order, with how they were answered, also when they were sent together', () => {
  const { recorder, asks, told, send } = recording();
  send(encodeQuery('select 1'), encodeParse('', 'select $1'), encodeBind('', [Buffer.from('2')]), encodeExecute());
  expect(asks).toEqual([{ unit: 1, messages: [['Q', 'select 1']] }]);
  send(encodeSync());
  expect(asks[1]?.messages.map(([kind]) => kind)).toEqual(['P', 'B', 'E']);
  recorder.ready(false);
  recorder.failed('22012');
  recorder.failed('25P02');
  recorder.ready(false);
  recorder.close();
  expect(told).toEqual([['done', 1, undefined], ['done', 2, '22012'], 'close']);
});

test('a statement that was prepared before is prepared in the record when it is first used', () => {
  const { asks, send } = recording({}, { old: encodeParse('old', 'select $1') });
  for (let times = 0; times < 2; times += 1) send(encodeBind('old', [null]), encodeExecute(), encodeSync());
  expect(asks.map(({ messages }) => messages.map(([kind]) => kind))).toEqual([
    ['P', 'B', 'E'],
    ['B', 'E'],
  ]);
});

test('what is too long, carries rows or finds no room is left out whole and counted, and the next unit is recorded', () => {
  const { recorder, asks, told, send } = recording({
    ask: (_, unit, messages) => unit > 3 && asks.push({ unit, messages: [...messages] }) > 0,
  });
  send(
    encodeQuery(`select '${'x'.repeat(300_000)}'`),
    encodeQuery('copy t from stdin'),
    Buffer.from('64000000057881', 'hex'),
  );
  send(encodeQuery('select 3'), encodeQuery('select 4'));
  for (let unit = 1; unit <= 4; unit += 1) recorder.ready(false);
  expect(asks).toHaveLength(1);
  expect(told).toEqual(['too long', 'a copy of rows', 'drop', ['done', 4, undefined]]);
});

test('with a key a session whose texts end elsewhere than they seem to is recorded no further', () => {
  const { recorder, asks, told, send } = recording({ redactor: new Redactor('ab'.repeat(32)) });
  recorder.shows(new Map([['client_encoding', 'UTF8']]));
  send(encodeQuery('select 1'));
  recorder.shows(
    new Map([
      ['client_encoding', 'UTF8'],
      ['standard_conforming_strings', 'off'],
    ]),
  );
  expect([recorder.isOver, asks.length, told]).toEqual([true, 1, ['close']]);
});

test('with a key no value is recorded', () => {
  const { asks, told, send } = recording({ redactor: new Redactor('ab'.repeat(32)) });
  send(encodePlain(['P', 's', `select 'secret', $1`, [25]]), encodeBind('s', [Buffer.from('secret')]), encodeSync());
  send(encodeQuery(`select 'secret' -- secret`), encodeQuery(`select 'secret`));
  expect(asks).toHaveLength(2);
  expect(JSON.stringify(asks)).not.toContain('secret');
  expect(told).toEqual(['not understood']);
});
