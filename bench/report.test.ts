import { describe, expect, test } from 'vitest';
import { judge, type Measured } from './rounds.ts';
import { numberText, renderBenchmark, renderChart, renderPage, type BenchmarkResult } from './report.ts';

const measured: readonly Measured[] = [
  {
    contender: 'Teal',
    role: 'teal',
    readings: [
      { seconds: 2, cpu: { blue: 1, tool: 1.5 } },
      { seconds: 4, cpu: { blue: 1, tool: 2.5 } },
    ],
  },
  {
    contender: 'a & b',
    role: 'peer',
    readings: [{ seconds: 6, cpu: { blue: 1, tool: 3 }, figures: { 'rows/s': 123_456 } }],
  },
  { contender: 'absent', role: 'peer', readings: [], failed: 'no such\n  package' },
];
const result: BenchmarkResult = {
  version: 1,
  name: 'copy',
  title: 'The copy',
  about: 'From nothing to everything.',
  chart: 'seconds',
  takenIso: '2026-11-28T12:00:00.000Z',
  rounds: 2,
  scale: 1,
  machine: {
    cores: 2,
    processor: 'A CPU',
    memoryGb: 8,
    system: 'Linux 6',
    node: 'v24',
    blue: 15,
    green: 18,
    commit: 'abc',
    loadBefore: 0.1,
  },
  variants: [
    {
      name: 'narrow',
      about: 'Integers.',
      measured,
      verdicts: [
        judge({ figure: 'seconds', against: 'a & b', first: '<= 1', goal: '<= 0.4' }, measured),
        judge({ figure: 'seconds', against: 'absent', first: '<= 1', goal: '<= 0.4' }, measured),
      ],
    },
    { name: 'other', about: 'More.', measured, verdicts: [], versions: ['a 1.2', 'b 0.1'] },
    { name: 'wide', about: 'Text.', measured: [], verdicts: [], failed: 'the disk is full' },
  ],
};

describe('the page', () => {
  test('has medians with their spread, verdicts, and what was not measured', () => {
    const page = renderBenchmark(result);
    expect(page).toContain('| seconds | 3 (2–4) | 6 | – |');
    expect(page).toContain('| cpu tool, s | 2 (1.5–2.5) | 3 | – |');
    expect(page).toContain('| rows/s | – | 123,456 | – |');
    expect(page).toContain('| seconds, Teal : a & b | 0.5 | 0.333 | ≤ 1 ✓ | ≤ 0.4 ✗ |');
    expect(page).toContain('| seconds, Teal : absent | – | – | ≤ 1 – | ≤ 0.4 – |');
    expect(page).toContain('absent: no such package');
    expect(page).toContain('Not measured: the disk is full');
    expect(page).toContain('\na 1.2, b 0.1.\n');
    expect(page).toContain('PostgreSQL 15 to 18: 2 cores');
    expect(renderBenchmark({ ...result, between: 'MySQL 8.0' })).toContain('MySQL 8.0: 2 cores');
    expect(renderPage([result])).toContain('![The copy](copy.svg)');
  });

  test('numbers have three digits that count', () => {
    expect([0.012_345, 1, 99.95, 1_234.5, undefined, Number.NaN].map(numberText)).toEqual([
      '0.0123',
      '1',
      '100',
      '1,235',
      '–',
      '–',
    ]);
  });
});

test('the chart has a bar for each contender that was measured', () => {
  const chart = renderChart(result);
  expect(chart.match(/height="14"/g)).toHaveLength(4);
  expect(chart).toContain('a &amp; b');
  expect(chart).not.toContain('NaN');
  // A quarter of the width is the reading of 2 s less than that of 4 s: the longest is the peer's 6 s.
  expect(chart).toContain('width="210.0"');
});
