import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { JournalEvent } from '../../journal/events.ts';
import { fold } from '../../journal/fold.ts';
import { verifyChain, type JournalRecord, type RawRecord } from '../../journal/record.ts';
import { eventTypes, runStarted, sampleOf } from '../../journal/test-support/events.ts';
import { parseSpec } from '../../spec/parse.ts';
import type { Spec } from '../../spec/spec.ts';
import { statusOf } from '../status.ts';
import { documentOf } from './document.ts';
import { renderReport } from './read-report.ts';
import type { Report } from './report.ts';
import { storyOf } from './story.ts';

function specOf(): Spec {
  const text = 'teal: 1\nname: shop\nblue: { url: "postgres://b/" }\ngreen: { url: "postgres://g/" }\n';
  const parsed = parseSpec(text, { env: {}, readText: () => undefined });
  if (!parsed.ok) throw new Error('the file of this test has mistakes');
  return parsed.spec;
}

function ofTopics(): Spec {
  const text =
    'teal: 1\nname: events\nblue: { system: kafka, url: "kafka://b:9092" }\ngreen: { system: kafka, url: "kafka://g:9092" }\n';
  const parsed = parseSpec(text, { env: {}, readText: () => undefined });
  if (!parsed.ok) throw new Error('the file of this test has mistakes');
  return parsed.spec;
}

function reportOf(records: readonly JournalRecord[]): Report {
  const head = { seq: records.length, hash: records.at(-1)?.hash ?? '' };
  return { status: statusOf(specOf(), fold(records), undefined), head, story: storyOf(records), records };
}

/** A whole migration as format 1 recorded it: a cut that was given up, three that were made, one of them back. */
const recorded = (): readonly JournalRecord[] => {
  const file = new URL('../../journal/test-support/journal-1.json', import.meta.url);
  return [...verifyChain(JSON.parse(readFileSync(file, 'utf8')) as readonly RawRecord[])];
};

/** Records of events that need not follow from each other. */
const told = (...events: readonly JournalEvent[]) =>
  events.map((event, n) => ({
    seq: n + 1,
    at: `2026-01-01T00:00:${String(n).padStart(2, '0')}.000Z`,
    event,
    hash: '',
  }));

describe('the story', () => {
  test('of a whole migration has its cuts, gates, certificates and its end', () => {
    const story = storyOf(recorded());
    expect(story.cuts.map(({ cut, from, to, end }) => [cut, from, to, end])).toEqual([
      ['e1a1', 'blue', 'green', 'given up'],
      ['e1a2', 'blue', 'green', 'made'],
      ['e2a1', 'green', 'blue', 'made'],
      ['e3a1', 'blue', 'green', 'made'],
    ]);
    expect(story.cuts[2]?.rollback).toMatchObject({ by: 'dba' });
    expect(story.runs).toHaveLength(4);
    expect(story.certificates).toHaveLength(1);
    expect(story.ends.map(({ how }) => how)).toEqual(['aborted', 'finalised']);
  });

  test('of a gate has every answer with its evidence, and who approved', () => {
    const { gates } = storyOf(
      told(
        { type: 'gateAsked', gate: 'g', asks: 'is it so?', person: false },
        { type: 'gateAnswered', gate: 'g', answer: 'not yet', evidence: 'the value is 5' },
        { type: 'gateAnswered', gate: 'g', answer: 'yes', evidence: 'the value is 0' },
        { type: 'approvalGiven', by: 'ada', for: 'g', comment: 'go' },
      ),
    );
    expect(gates.map(({ at, asks, answer, evidence }) => [at.slice(17, 19), asks, answer, evidence])).toEqual([
      ['01', 'is it so?', 'not yet', 'the value is 5'],
      ['02', 'is it so?', 'yes', 'the value is 0'],
      ['03', 'is it so?', 'approved', 'by ada: go'],
    ]);
  });

  test('of a stage that was undone and begun anew has both', () => {
    const stage = 'copy';
    const { stages } = storyOf(
      told(
        { type: 'stageStarted', stage },
        { type: 'stageUndone', stage },
        { type: 'stageStarted', stage },
        { type: 'stageFinished', stage },
        { type: 'stageStarted', stage },
      ),
    );
    expect(stages.map(({ end, ended }) => [end, ended?.slice(17, 19)])).toEqual([
      ['undone', '01'],
      ['finished', '03'],
      ['not ended', undefined],
    ]);
  });

  test('of a cut that is open, of one whose writes were refused, and of one without a way back', () => {
    const cut = { type: 'cutIntended', epoch: 1, from: 'blue', to: 'green', pauseLimitMs: 1, drainLimitMs: 1 } as const;
    const { cuts } = storyOf(
      told(
        { ...cut, cut: 'a' },
        { type: 'cutFinished', cut: 'a', facts: { pauseMs: 84, held: false } },
        { ...cut, cut: 'b' },
        { type: 'cutFinished', cut: 'b', facts: { pauseMs: 12, noWayBack: 'TEAL-SYSTEMS-108' } },
        { ...cut, cut: 'c' },
        { type: 'cutDecided', cut: 'c', position: 'epoch 3' },
      ),
    );
    expect(cuts).toMatchObject([
      { end: 'made', pauseMs: 84, held: false },
      { end: 'made', pauseMs: 12, held: true, why: 'no way back: TEAL-SYSTEMS-108' },
      { end: 'not ended', decided: expect.any(String) },
    ]);
  });
});

describe('of topics', () => {
  const step = 'group:1:to-green';
  const done = { found: false, facts: {} } as const;
  const records = told(
    runStarted,
    { type: 'stepIntended', step: `${step}:stop:audit` },
    { type: 'stepDone', step: `${step}:stop:audit`, ...done, evidence: 'nobody reads on blue' },
    { type: 'stepIntended', step: `${step}:carry:audit` },
    { type: 'stepDone', step: `${step}:carry:audit`, ...done, evidence: 'orders 0:7 1:3' },
    { type: 'stepIntended', step: `${step}:start:audit` },
    { type: 'stepDone', step: `${step}:start:audit`, ...done, evidence: '1 reader, 0 offsets behind' },
    { type: 'stepIntended', step: 'group:2:to-blue:stop:audit' },
    { type: 'stepUndoIntended', step: 'group:2:to-blue:stop:audit' },
    { type: 'stepUndone', step: 'group:2:to-blue:stop:audit' },
    { type: 'stepIntended', step: `${step}:stop:billing` },
    {
      type: 'certificateIssued',
      certificate: 'c',
      blue: 'orders 7 3',
      green: 'orders 9 4',
      tables: 1,
      rows: '10',
      digest: 'd',
    },
  );
  const status = statusOf(ofTopics(), fold(records as readonly JournalRecord[]), undefined);
  const report: Report = { ...reportOf([]), status, records, story: storyOf(records) };

  test('the story has each move of a group, and where it went on', () => {
    expect(report.story.groups).toMatchObject([
      { group: 'audit', from: 'blue', to: 'green', end: 'moved', place: 'orders 0:7 1:3' },
      { group: 'audit', from: 'green', to: 'blue', end: 'taken back' },
      { group: 'billing', from: 'blue', to: 'green', end: 'not ended' },
    ]);
  });

  test('the report speaks of topics, partitions, records and groups, and not of tables and rows', () => {
    const text = renderReport({ ...report, records: [] });
    expect(text).toContain('Last certificate: 1 topic of 2 partitions, 10 records, equal');
    expect(text).toContain('| topics | partitions | records | offsets of blue | offsets of green |');
    expect(text).toContain('## Groups of consumers');
    expect(text).not.toMatch(/\b(table|row)s?\b/);
  });

  test('the status says what its certificate counts', () => {
    expect(status).toMatchObject({ moves: 'topics', certificate: { tables: 1, rows: '10', partitions: 2 } });
  });
});

describe('every form', () => {
  test('has the same content: each text of the document', () => {
    const report = reportOf(recorded());
    const document = documentOf(report);
    const texts = [
      document.title,
      ...document.summary,
      ...document.sections.flatMap(({ columns, rows }) => [...columns, ...rows.flat()]),
    ];
    const markdown = renderReport(report).replaceAll('\\', '');
    const html = renderReport(report, 'html');
    expect(texts.length).toBeGreaterThan(200);
    for (const text of texts) {
      expect(markdown).toContain(text.replaceAll(/\s+/g, ' ').replaceAll('\\', ''));
      expect(html).toContain(
        text
          .replaceAll('&', '&amp;')
          .replaceAll('<', '&lt;')
          .replaceAll('>', '&gt;')
          .replaceAll('"', '&quot;')
          .replaceAll("'", '&#39;'),
      );
    }
    expect(JSON.parse(JSON.stringify(report))).toMatchObject({ story: { cuts: [{ cut: 'e1a1' }, {}, {}, {}] } });
  });

  test('has every record, of whatever type', () => {
    const report = { ...reportOf([]), records: told(...eventTypes.map(sampleOf)) };
    for (const text of [renderReport(report), renderReport(report, 'html')])
      for (const type of eventTypes) expect(text).toContain(type);
  });

  test('of a journal that has just begun says what there is not', () => {
    const text = renderReport({ ...reportOf([]), records: told(runStarted), story: storyOf(told(runStarted)) });
    for (const none of ['No cut was begun.', 'No gate was asked.', 'No step has failed.', 'It has not ended.'])
      expect(text).toContain(none);
  });
});

describe('a text that would be markup', () => {
  const hostile = `</td><script>alert(1)</script> "onload=' | **b** [x](javascript:y) \`c\`\nnext\u0000`;
  const records = told({ type: 'note', text: hostile });
  const report: Report = { ...reportOf([]), records, story: storyOf(records) };

  test('stays text in HTML, which runs and fetches nothing', () => {
    const html = renderReport(report, 'html');
    expect(html).not.toMatch(/<script|<img|<link|<iframe|javascript:y"/);
    expect(html).not.toContain('\u0000');
    expect(html).toContain('&lt;script&gt;alert(1)');
    expect(html).toContain(`content="default-src 'none'; style-src 'unsafe-inline'`);
    expect(html).not.toMatch(/(src|href)="(?!#)|url\(|@import/);
  });

  test('stays in its cell in Markdown', () => {
    const lines = renderReport(report)
      .split('\n')
      .filter((line) => line.includes('alert'));
    expect(lines).toHaveLength(2);
    for (const line of lines) {
      expect(line).toContain('\\<script\\>');
      expect(line).toContain('\\[x\\](javascript:y)');
    }
    const [note = ''] = lines;
    expect(note.match(/(?<!\\)\|/g)).toHaveLength(3);
  });
});
