import { expect, test } from 'vitest';
import { assess } from './assess.ts';
import { healthySide, healthyTable, known } from './test-support/fixtures.ts';
import { renderAssessment } from './render.ts';
import { bytesText, countText, durationText, wrap } from './text.ts';

const hostile = 'evil | name`\n# <b>';

function assessed(): ReturnType<typeof assess> {
  const blue = healthySide('blue', {
    identity: { role: 'replica' },
    catalog: {
      tables: [
        healthyTable({ replicaIdentity: { kind: 'nothing' } }),
        healthyTable({ name: hostile, triggers: [{ name: 'x```y', fires: 'always' }] }),
      ],
    },
    facts: { jobs: known([{ scheduler: 'pg_cron', name: 'nightly', schedule: '0 3 * * *', active: true }]) },
  });
  return assess(blue, healthySide('green'));
}

test('text: verdict first, grouped, at most 80 columns but for statements', () => {
  const text = renderAssessment(assessed(), 'text');
  expect(text).toMatch(/^Not ready \(2 blockers, 1 warning, 1 note\)\.\n/);
  const order = ['Blockers', 'ASSESS-REPLICA', 'Warnings', 'ASSESS-JOBS', 'Notes', 'ASSESS-NO-KEY', 'Estimates'];
  expect(order.map((word) => text.indexOf(word))).toEqual(
    order.map((word) => text.indexOf(word)).sort((a, b) => a - b),
  );
  expect(order.every((word) => text.includes(word))).toBe(true);
  const prose = text.split('\n').filter((line) => !line.startsWith('      '));
  expect(prose.filter((line) => line.length > 80)).toEqual([]);
  expect(text).toContain('      SELECT pg_promote();');
});

test('text of two healthy sides', () => {
  expect(renderAssessment(assess(healthySide('blue'), healthySide('green')), 'text')).toMatchInlineSnapshot(`
    "Ready to begin (0 blockers, 0 warnings, 0 notes).

    Estimates
      1 table, about 1,000,000 rows, 150 MB with indexes
      copy: under a minute
      room needed on green: 300 MB, of it 150 MB WAL that may be recycled
      WAL that blue keeps meanwhile: 3.0 MB
      assumed: the copy moves 50 MB/s of tables and indexes; the rehearsal measures
      the real rate
      assumed: green writes one byte of WAL for each byte of tables and indexes
      assumed: blue goes on writing WAL at its average of the last 24 h
      assumed: row counts are those of the last ANALYZE or of the statistics
    "
  `);
});

test('markdown: findings and inventory, with hostile names kept inside of their cell and block', () => {
  const text = renderAssessment(assessed(), 'markdown');
  expect(text).toContain('# Inventory');
  expect(text).toContain('| job of pg\\_cron | nightly, 0 3 \\* \\* \\* |');
  const rows = text.split('\n').filter((line) => line.startsWith('| public.'));
  expect(rows.some((line) => line.includes('evil'))).toBe(true);
  const cells = (line: string): number => line.split(/(?<!\\)\|/).length - 2;
  expect(rows.filter((line) => line.includes('evil') && line.includes('MB')).map(cells)).toEqual([7]);
  const [block] = /^````sql\n[^]*?^````$/m.exec(text) ?? [];
  expect(block).toContain('x```y');
  expect(text.replace(block ?? '', '')).not.toMatch(/^# <b>/m);
});

test.each([
  [0n, '0 B'],
  [999n, '999 B'],
  [1000n, '1.0 kB'],
  [150_000_000n, '150 MB'],
  [999_999_999n, '1.0 GB'],
  [5_300_000_000_000n, '5.3 TB'],
])('bytesText %s is %s', (bytes, text) => expect(bytesText(bytes)).toBe(text));

test.each([
  [0, '0'],
  [1234, '1,234'],
  [1_234_567, '1,234,567'],
])('countText %s is %s', (count, text) => expect(countText(count)).toBe(text));

test.each([
  [5, 'under a minute'],
  [61, '2 min'],
  [3600, '1 h'],
  [12_000, '3 h 20 min'],
])('durationText %s is %s', (seconds, text) => expect(durationText(seconds)).toBe(text));

test('wrap keeps long words whole and loses none', () => {
  const text = `a ${'x'.repeat(100)} b c`;
  expect(wrap(text, 20, '  ')).toEqual(['  a', `  ${'x'.repeat(100)}`, '  b c']);
});
