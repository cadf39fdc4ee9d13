import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { httpDouble } from '../../gates/test-support/http-double.ts';
import type { JournalEvent } from '../../journal/events.ts';
import { memoryJournal } from '../../journal/journal.ts';
import type { JournalRecord } from '../../journal/record.ts';
import { anyEvent, runStarted } from '../../journal/test-support/events.ts';
import { exportRequest, type Span } from '../../observe/otlp.ts';
import { toldJournal } from '../told-journal.ts';
import { JournalSpans } from './journal-spans.ts';
import { traceTarget } from './trace-target.ts';
import { Tracer } from './tracer.ts';

const run = { ...runStarted, run: '0f8fad5b-d9cb-469f-a165-70867728950e' } as JournalEvent;
const startMs = Date.parse('2026-01-01T00:00:00.000Z');

function spansOf(events: readonly JournalEvent[]): readonly Span[] {
  const spans = new JournalSpans();
  const records = events.map((event, n): JournalRecord => ({
    seq: n + 1,
    at: new Date(startMs + n * 1_000).toISOString(),
    event,
    hash: '',
  }));
  return [...records.flatMap((record) => spans.hear(record)), ...spans.close(startMs + events.length * 1_000)];
}

const life: readonly JournalEvent[] = [
  run,
  { type: 'stageStarted', stage: 'copy' },
  { type: 'stepIntended', step: 'copy:a' },
  { type: 'stepIntended', step: 'copy:b' },
  { type: 'stepDone', step: 'copy:a', found: false, evidence: '3 tables', facts: {} },
  { type: 'stepFailed', step: 'copy:b', doing: 'act', failure: { code: 'TEAL-ENGINE-001', message: 'm' } },
  { type: 'stageFinished', stage: 'copy' },
  { type: 'gateAsked', gate: 'g', asks: 'no lag', person: false },
  { type: 'gateAnswered', gate: 'g', answer: 'not yet', evidence: 'e' },
  { type: 'gateAnswered', gate: 'g', answer: 'yes', evidence: 'e' },
  { type: 'cutIntended', cut: 'c', epoch: 1, from: 'blue', to: 'green', pauseLimitMs: 1, drainLimitMs: 1 },
  { type: 'stepIntended', step: 'cut:fence' },
  { type: 'stepDone', step: 'cut:fence', found: false, evidence: 'e', facts: {} },
  { type: 'cutDecided', cut: 'c', position: '0/1' },
  { type: 'cutFinished', cut: 'c', facts: { pauseMs: 84 } },
  { type: 'stageStarted', stage: 'soak' },
];

describe('spans', () => {
  test('of a life: each piece of work where it belongs, with its times, what failed and what it told', () => {
    const spans = spansOf(life);
    const nameOf = new Map(spans.map(({ spanId, name }) => [spanId, name]));
    const told = spans.map((span) => [
      span.name,
      span.parentId === undefined ? '' : nameOf.get(span.parentId),
      (span.startMs - startMs) / 1_000,
      (span.endMs - startMs) / 1_000,
      span.failure ?? '',
    ]);
    expect(told).toEqual([
      ['step copy:a', 'stage copy', 2, 4, ''],
      ['step copy:b', 'stage copy', 3, 5, 'TEAL-ENGINE-001'],
      ['stage copy', 'teal up', 1, 6, ''],
      ['gate g', 'teal up', 7, 9, ''],
      ['step cut:fence', 'cut c', 11, 12, ''],
      ['cut c', 'teal up', 10, 14, ''],
      ['stage soak', 'teal up', 15, 16, ''],
      ['teal up', '', 0, 16, 'TEAL-ENGINE-001'],
    ]);
    expect(new Set(spans.map(({ traceId }) => traceId))).toEqual(new Set(['0f8fad5bd9cb469fa16570867728950e']));
    expect(spans.find(({ name }) => name === 'cut c')).toMatchObject({
      attributes: { 'teal.from': 'blue', 'teal.to': 'green', 'teal.pause_ms': 84 },
      events: [{ name: 'decided' }],
    });
    expect(spans.find(({ name }) => name === 'gate g')?.events).toHaveLength(2);
  });

  test('of any records: one tree, whose spans have ids of their own and end once', () => {
    fc.assert(
      fc.property(fc.array(anyEvent, { maxLength: 40 }), (events) => {
        const spans = spansOf([run, ...events.filter(({ type }) => type !== 'runStarted')]);
        const ids = new Set(spans.map(({ spanId }) => spanId));
        expect(ids.size).toBe(spans.length);
        expect(spans.filter(({ parentId }) => parentId === undefined)).toHaveLength(1);
        for (const { spanId, parentId, startMs: from, endMs } of spans) {
          expect(spanId).toMatch(/^[0-9a-f]{16}$/);
          expect(parentId === undefined || ids.has(parentId)).toBe(true);
          expect(endMs).toBeGreaterThanOrEqual(from);
        }
      }),
    );
  });
});

test('a request is in the JSON of OTLP', () => {
  const [span] = spansOf(life);
  const request = exportRequest({ 'service.name': 'teal' }, { name: 'teal', version: '1' }, [span as Span]);
  expect(request).toMatchObject({
    resourceSpans: [
      {
        resource: { attributes: [{ key: 'service.name', value: { stringValue: 'teal' } }] },
        scopeSpans: [
          {
            spans: [
              {
                name: 'step copy:a',
                kind: 1,
                startTimeUnixNano: `${startMs + 2_000}000000`,
                endTimeUnixNano: `${startMs + 4_000}000000`,
                status: { code: 1 },
              },
            ],
          },
        ],
      },
    ],
  });
});

test('a command sends all its spans, with the headers that the variables ask for, and a collector that is away fails nothing', async () => {
  await using server = await httpDouble();
  const found = traceTarget({
    OTEL_EXPORTER_OTLP_ENDPOINT: `${server.url}/base/`,
    OTEL_EXPORTER_OTLP_HEADERS: 'x-key=Planted%20Secret',
    OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test',
  });
  const target = found.found === 'target' ? found.target : expect.unreachable();
  const lost: string[] = [];
  const options = { migration: 'shop', pauseMs: 1, onLost: (to: string, why: string) => lost.push(`${to} ${why}`) };
  const tracer = new Tracer({ ...options, target });
  const away = new Tracer({ ...options, target: { ...target, url: 'http://127.0.0.1:9/v1/traces' } });
  const journal = toldJournal(memoryJournal(), [(record) => tracer.hear(record), (record) => away.hear(record)]);
  for (const event of life) journal.append(event);
  await Promise.all([tracer[Symbol.asyncDispose](), away[Symbol.asyncDispose]()]);
  expect(new Set(server.asked.map(({ path }) => path))).toEqual(new Set(['/base/v1/traces']));
  expect(server.asked[0]?.headers).toMatchObject({ 'x-key': 'Planted Secret', 'content-type': 'application/json' });
  const text = server.asked.map(({ body }) => body).join('');
  expect([...text.matchAll(/"spanId"/g)]).toHaveLength(8);
  expect(text).toContain('"teal.migration"');
  expect(lost.length).toBeGreaterThan(0);
  expect(lost.join()).not.toMatch(/Secret|v1/);
});

test.each([
  [{}, 'none'],
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4318', OTEL_SDK_DISABLED: 'true' }, 'none'],
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4318', OTEL_TRACES_EXPORTER: 'none' }, 'none'],
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4317', OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }, 'unusable'],
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'c:4318' }, 'unusable'],
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4318' }, 'http://c:4318/v1/traces'],
  [{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'https://c/x', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c' }, 'https://c/x'],
])('%o: %s', (env, expected) => {
  const found = traceTarget(env);
  expect(found.found === 'target' ? found.target.url : found.found).toBe(expected);
});
