import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { httpDouble, type Asked } from '../../gates/test-support/http-double.ts';
import type { JournalEvent } from '../../journal/events.ts';
import { memoryJournal } from '../../journal/journal.ts';
import { runStarted } from '../../journal/test-support/events.ts';
import { waitFor } from '../../kernel/clock.ts';
import { noticeKinds, type NotifySpec } from '../../spec/notify.ts';
import { toldJournal } from '../told-journal.ts';
import { Notifier } from './notifier.ts';
import { WebhookQueue } from './webhook-queue.ts';

const secretPath = '/services/T0/PlantedSecret';

function told(notify: readonly NotifySpec[]) {
  const lost: string[] = [];
  const notifier = new Notifier({
    migration: 'shop',
    notify,
    pauseMs: 1,
    onLost: (to, why) => lost.push(`${to} ${why}`),
  });
  const journal = toldJournal(memoryJournal(), [(record, state) => notifier.hear(record, state)]);
  return { lost, notifier, journal };
}

const hook = (url: string, more: Partial<NotifySpec> = {}): NotifySpec => ({
  url: `${url}${secretPath}`,
  format: 'cloudevents',
  on: [...noticeKinds],
  afterMs: 600_000,
  ...more,
});

const life: readonly JournalEvent[] = [
  runStarted,
  { type: 'stageStarted', stage: 'copy' },
  { type: 'stepIntended', step: 'copy:tables' },
  { type: 'stepFailed', step: 'copy:tables', doing: 'act', failure: { code: 'TEAL-ENGINE-001', message: 'm' } },
  { type: 'stageFinished', stage: 'copy' },
  { type: 'gateAsked', gate: 'g0', asks: 'no lag', person: false },
  { type: 'gateAnswered', gate: 'g0', answer: 'no', evidence: '<3 & more>' },
  { type: 'gateAsked', gate: 'g1', asks: 'a yes of dba', person: true },
  { type: 'gateAnswered', gate: 'g1', answer: 'not yet', evidence: 'nobody' },
  { type: 'cutIntended', cut: 'c1', epoch: 1, from: 'blue', to: 'green', pauseLimitMs: 1, drainLimitMs: 1 },
  { type: 'cutAborted', cut: 'c1', reason: 'too slow', code: 'TEAL-STAGES-101' },
  { type: 'cutIntended', cut: 'c2', epoch: 2, from: 'blue', to: 'green', pauseLimitMs: 1, drainLimitMs: 1 },
  { type: 'cutDecided', cut: 'c2', position: '0/1' },
  { type: 'cutFinished', cut: 'c2', facts: { pauseMs: 84 } },
  { type: 'note', text: 'nobody is told' },
];

const typesOf = (asked: readonly Asked[]): readonly string[] =>
  asked.map(({ body }) => (JSON.parse(body) as { type: string }).type);

test('a life is told in its order as CloudEvents, each with an id of its own', async () => {
  await using server = await httpDouble();
  server.answer(202);
  const { journal, notifier, lost } = told([hook(server.url)]);
  for (const event of life) journal.append(event);
  await notifier[Symbol.asyncDispose]();
  expect(typesOf(server.asked)).toEqual([
    'teal.stage.begun',
    'teal.step.failed',
    'teal.stage.ended',
    'teal.gate.no',
    'teal.approval.needed',
    'teal.cut.aborted',
    'teal.cut.finished',
  ]);
  expect(server.asked[0]).toMatchObject({ method: 'POST', path: secretPath });
  expect(server.asked[0]?.headers['content-type']).toBe('application/cloudevents+json; charset=utf-8');
  const events = server.asked.map(({ body }) => JSON.parse(body) as { id: string });
  expect(new Set(events.map(({ id }) => id)).size).toBe(events.length);
  expect(events.at(-1)).toEqual({
    specversion: '1.0',
    id: '14/cut.finished',
    source: '/teal/shop',
    type: 'teal.cut.finished',
    subject: 'shop',
    time: expect.stringMatching(/Z$/),
    datacontenttype: 'application/json',
    data: {
      kind: 'cut',
      text: 'Green is live now; clients waited 84 ms at most',
      record: 14,
      cut: 'c2',
      from: 'blue',
      to: 'green',
      pauseMs: 84,
    },
  });
  expect(lost).toEqual([]);
});

test('Slack gets a text in its own escapes, and of the kinds that were asked for alone', async () => {
  await using server = await httpDouble();
  const { journal, notifier } = told([hook(server.url, { format: 'slack', on: ['gate'] })]);
  for (const event of life) journal.append(event);
  await notifier[Symbol.asyncDispose]();
  expect(server.asked.map(({ body }) => JSON.parse(body))).toEqual([
    { text: '*shop*: A gate says no: no lag (&lt;3 &amp; more&gt;)' },
  ]);
});

test('a gate that does not say yes for long is told once, and one that says yes in time is not', async () => {
  await using server = await httpDouble();
  const { journal, notifier } = told([hook(server.url, { on: ['gate'], afterMs: 30 })]);
  const answered = (gate: string, answer: 'yes' | 'not yet' | 'cannot tell'): JournalEvent => ({
    type: 'gateAnswered',
    gate,
    answer,
    evidence: 'e',
  });
  journal.append(runStarted);
  for (const gate of ['slow', 'quick']) journal.append({ type: 'gateAsked', gate, asks: gate, person: false });
  journal.append(answered('slow', 'not yet'), answered('quick', 'not yet'), answered('quick', 'yes'));
  await waitFor({ what: 'a notice', timeoutMs: 10_000 }, () => server.asked.length || undefined);
  journal.append(answered('slow', 'cannot tell'));
  await notifier[Symbol.asyncDispose]();
  expect(server.asked.map(({ body }) => JSON.parse(body) as unknown)).toMatchObject([
    { type: 'teal.gate.slow', data: { gate: 'slow', answer: 'not yet' } },
  ]);
});

test('a service that fails is tried again, one that refuses is not, and neither holds up or fails who writes the journal', async () => {
  await using failing = await httpDouble();
  await using refusing = await httpDouble();
  failing.answer(503);
  refusing.answer(404, `no ${secretPath}`);
  const { journal, notifier, lost } = told([
    hook(failing.url, { on: ['ended'] }),
    hook(refusing.url, { on: ['ended'] }),
    hook('http://127.0.0.1:9', { on: ['ended'] }),
  ]);
  journal.append(runStarted);
  journal.append({ type: 'aborted', by: 'ada', reason: 'enough', left: [] });
  expect(journal.state.life.phase).toBe('aborted');
  await waitFor({ what: 'the last attempt', timeoutMs: 10_000 }, () => (lost.length === 3 ? true : undefined));
  await notifier[Symbol.asyncDispose]();
  expect([failing.asked.length, refusing.asked.length]).toEqual([4, 1]);
  expect(lost.join()).not.toContain('Secret');
  expect(lost).toEqual(
    expect.arrayContaining([
      `${failing.url} it answered 503`,
      `${refusing.url} it answered 404`,
      expect.stringMatching(/^http:\/\/127\.0\.0\.1:9 /),
    ]),
  );
});

test('what waits is bounded: the oldest go', async () => {
  await using server = await httpDouble();
  const { journal, lost, notifier } = told([hook(server.url, { on: ['stage'] })]);
  journal.append(runStarted);
  // The first is on its way.
  for (let n = 0; n < 130; n += 1) journal.append({ type: 'stageStarted', stage: `s${n}` });
  expect(lost).toHaveLength(29);
  await notifier[Symbol.asyncDispose]();
  const stages = server.asked.map(({ body }) => (JSON.parse(body) as { data: { stage: string } }).data.stage);
  expect([stages.length, stages[0], stages[1], stages.at(-1)]).toEqual([101, 's0', 's30', 's129']);
});

test('an end does not wait for a service that does not answer', async () => {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const lost: string[] = [];
  const { port } = server.address() as AddressInfo;
  const queue = new WebhookQueue({ url: `http://127.0.0.1:${port}/x`, onLost: (_, why) => lost.push(why) });
  for (let n = 0; n < 3; n += 1) queue.push({ contentType: 'text/plain', text: String(n) });
  await queue.close(50);
  expect(lost).toEqual(Array.from({ length: 3 }, () => 'the process has ended'));
  server.close();
});
