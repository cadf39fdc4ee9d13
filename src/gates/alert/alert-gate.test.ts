import { describe, expect, test } from 'vitest';
import { TealError } from '../../kernel/errors.ts';
import { heardNotice, nothingTold, type AlertNews, type AlertNotice, type ToldAlerts } from '../../model/alerts.ts';
import type { GateAnswer } from '../../ports/gate.ts';
import { gateContract } from '../../testing/gate-contract.ts';
import { alertGate, type AlertQuestion } from './alert-gate.ts';

const atMs = Date.parse('2026-11-30T02:00:00Z');
const staleAfterMs = 60_000;
const question: AlertQuestion = { name: 'GreenErrors', labels: {}, from: 'alertmanager', staleAfterMs };
const { signal } = new AbortController();

const notice = (name: string, state: AlertNews['state'], labels = {}): AlertNotice => ({
  source: 'alertmanager',
  leftOut: 0,
  alerts: [{ name, labels, state }],
});
const told = (...notices: readonly AlertNotice[]): ToldAlerts =>
  notices.reduce((before, each) => heardNotice(before, each, atMs), nothingTold);
const watchdog = notice('Watchdog', 'firing');

async function ask(known: ToldAlerts, more: Partial<AlertQuestion> = {}, laterMs = 0): Promise<GateAnswer> {
  const gate = alertGate(
    'g',
    { ...question, ...more },
    () => known,
    () => atMs + laterMs,
  );
  return gate.ask(signal);
}

test('it asks by the name, the labels and who tells', () => {
  const gate = alertGate('g', { ...question, labels: { team: 'shop' } }, () => nothingTold);
  expect(gate.asks).toBe('does the alert GreenErrors{team="shop"} of Alertmanager not fire?');
});

test('one that fires is not yet, for as long as its word is believed, and is never a yes after that', async () => {
  const fires = told(notice('GreenErrors', 'firing'));
  const since = 'it fires since 2026-11-30T02:00:00.000Z; told at 2026-11-30T02:00:00.000Z';
  expect(await ask(fires, {}, staleAfterMs)).toEqual({ answer: 'not yet', evidence: since });
  expect(await ask(fires, {}, staleAfterMs + 1)).toMatchObject({ answer: 'cannot tell' });
  const silenced = heardNotice(fires, watchdog, atMs + staleAfterMs + 1);
  expect(await ask(silenced, {}, staleAfterMs + 1)).toEqual({
    answer: 'cannot tell',
    evidence: 'it fired at 2026-11-30T02:00:00.000Z, and was not told since',
  });
});

test('one that does not fire is a yes only while its source is heard', async () => {
  expect(await ask(nothingTold)).toEqual({
    answer: 'cannot tell',
    evidence: 'Alertmanager has never told anything here',
  });
  const heard = 'the last word of Alertmanager is of 2026-11-30T02:00:00.000Z';
  expect(await ask(told(watchdog))).toEqual({ answer: 'yes', evidence: `it was never told; ${heard}` });
  const past = told(notice('GreenErrors', 'firing'), notice('GreenErrors', 'resolved'));
  expect(await ask(past)).toEqual({ answer: 'yes', evidence: `resolved at 2026-11-30T02:00:00.000Z; ${heard}` });
  expect(await ask(past, {}, staleAfterMs + 1)).toEqual({ answer: 'cannot tell', evidence: heard });
  expect(await ask(told(watchdog), { from: 'datadog' })).toMatchObject({ answer: 'cannot tell' });
});

test('no data, and alerts that were left out, are no yes', async () => {
  expect(await ask(told(notice('GreenErrors', 'unknown')))).toMatchObject({
    answer: 'cannot tell',
    evidence: expect.stringMatching(/had no data/),
  });
  const less = told({ ...watchdog, leftOut: 3 });
  expect(await ask(less)).toMatchObject({ answer: 'cannot tell', evidence: expect.stringMatching(/more alerts/) });
  expect(await ask(told(notice('GreenErrors', 'firing'), { ...watchdog, leftOut: 3 }))).toMatchObject({
    answer: 'not yet',
  });
});

test('labels must all be so; of several alerts one that fires is enough', async () => {
  const both = told(
    notice('GreenErrors', 'resolved', { team: 'shop', pod: 'a' }),
    notice('GreenErrors', 'firing', { team: 'stock', pod: 'b' }),
    notice('GreenErrors', 'firing', { team: 'stock', pod: 'c' }),
  );
  const answers = async (labels: Record<string, string>): Promise<string> => (await ask(both, { labels })).answer;
  expect(await answers({})).toBe('not yet');
  expect(await answers({ team: 'stock' })).toBe('not yet');
  expect(await answers({ team: 'shop' })).toBe('yes');
  expect(await answers({ team: 'stock', pod: 'a' })).toBe('yes');
  expect((await ask(both)).evidence).toMatch(/^2 of them fire, the first since/);
});

describe('the contract of gates', () => {
  const open = async () => {
    let known = told(notice('GreenErrors', 'firing'));
    let failure: TealError | undefined;
    const read = (): ToldAlerts => {
      if (failure !== undefined) throw failure;
      return known;
    };
    return {
      gate: alertGate('g', question, read, () => atMs),
      makeYes: async () => {
        known = heardNotice(known, notice('GreenErrors', 'resolved'), atMs);
      },
      breakIt: async () => {
        failure = new TealError('TEAL-GATES-040', 'alerts.json cannot be read');
      },
      [Symbol.asyncDispose]: async () => undefined,
    };
  };
  for (const { name, run } of gateContract(open)) test(name, run);
});
