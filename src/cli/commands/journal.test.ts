import { stripVTControlCharacters } from 'node:util';
import { expect, test } from 'vitest';
import { asPosition } from '../../model/position.ts';
import type { Status } from '../../app/status.ts';
import { renderStatus } from './journal.ts';

const status: Status = { name: 'shop', live: 'blue', phase: 'blue', stages: [], open: [], gates: [], cuts: [] };

test('a flow that waits says why, and what the schemas do not share', () => {
  const text = renderStatus(status, [
    {
      flow: 'forward',
      mode: 'live',
      now: {
        state: 'waiting',
        code: 'TEAL-SYNC-102',
        reason: 'green has no column public.t.a (text) (after ALTER TABLE (table public.t))',
        position: asPosition('1'),
      },
      received: asPosition('2'),
      applied: asPosition('1'),
      lagBytes: 1,
      lagMs: 1_200,
      transactions: 0,
      changes: 0,
      changesPerSecond: 0,
      spoolBytes: 0,
      rogueTransactions: 0,
      schema: ['green has no column public.t.a (text)'],
      ddl: 'ALTER TABLE (table public.t)',
    },
  ]);
  expect(stripVTControlCharacters(text)).toBe(`shop: blue is live
  flow       forward waiting, live, 1200 ms behind: green has no column
             public.t.a (text) (after ALTER TABLE (table public.t))
  schema     green has no column public.t.a (text)
  ddl        the last that came through: ALTER TABLE (table public.t)`);
});

test('a cut is told with what it cost the clients: a wait, or refused writes', () => {
  const cut = { cut: 'e1a1', from: 'blue', to: 'green', end: 'done', pauseMs: 84 } as const;
  const line = (cuts: Status['cuts']): string => stripVTControlCharacters(renderStatus({ ...status, cuts }));
  expect(line([cut])).toContain('e1a1, blue to green: done, clients waited 84 ms');
  expect(line([{ ...cut, held: false }])).toContain('e1a1, blue to green: done, writes were refused for at most 84 ms');
});

test('a certificate is told in the words of what moves', () => {
  const certificate = { tables: 2, rows: '1000', atIso: '2026-01-01T00:00:00.000Z' };
  const line = (more: Partial<Status>): string => stripVTControlCharacters(renderStatus({ ...status, ...more }));
  expect(line({ certificate })).toContain('certified  2 tables, 1000 rows, 2026');
  expect(line({ moves: 'topics', certificate: { ...certificate, partitions: 5 } })).toContain(
    'certified  2 topics of 5 partitions, 1000 records, 2026',
  );
});

test('what is out of the usual is named, and where more is told; nothing is said of nothing', () => {
  const line = (open: readonly string[]): string =>
    stripVTControlCharacters(
      renderStatus({ ...status, anomalies: { atIso: '2026-01-01T00:00:00.000Z', open, full: [] } }),
    );
  expect(line(['live.lockWaits', 'clients.p95'])).toBe(`shop: blue is live
  unusual    live.lockWaits, clients.p95: \`teal anomalies\` tells more`);
  expect(line([])).toBe('shop: blue is live');
});
