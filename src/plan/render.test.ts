import { stripVTControlCharacters } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { stepIds, type Plan } from './plan.ts';
import { renderPlan, renderPlanMarkdown } from './render.ts';
import { wrap } from './wrap.ts';

const plan: Plan = {
  migration: 'shop',
  blue: 'localhost:5432/shop, PostgreSQL 14.20',
  green: 'localhost:5433/shop, PostgreSQL 18.6',
  hazards: [
    {
      severity: 'warns',
      what: 'Table public.log has no key.',
      doThis: 'Give it one, or accept that its updates are slow.',
    },
    { severity: 'stops', what: 'wal_level is replica.', doThis: 'Set it to logical and restart blue.' },
  ],
  stages: [
    {
      id: 'prepare',
      title: 'Prepare',
      gates: [],
      steps: [
        {
          id: 'prepare.publication',
          does: 'creates the publication teal_shop_fwd of 12 tables on blue',
          locks:
            'SHARE UPDATE EXCLUSIVE on each of the 12 tables, for the moment of one statement; waits for it at most 500 ms',
          costs: 'nothing',
          undone: 'drops the publication',
        },
        { id: 'prepare.slot', does: 'creates the slot', locks: 'nothing', costs: 'WAL', undone: 'drops it' },
      ],
    },
    {
      id: 'cutover',
      title: 'Cut over',
      gates: [{ id: 'person:operator', asks: 'Does operator agree?', person: true }],
      steps: [{ id: 'cut.hold', does: 'holds clients', locks: 'nothing', costs: 'nothing', undone: 'they go on' }],
    },
  ],
};

describe('on a terminal', () => {
  test('80 columns', () => {
    expect(renderPlan(plan, { width: 80, color: false })).toBe(
      `Plan of shop
  blue   localhost:5432/shop, PostgreSQL 14.20
  green  localhost:5433/shop, PostgreSQL 18.6

  ✗ wal_level is replica. Set it to logical and restart blue.

  ! Table public.log has no key. Give it one, or accept that its updates are
    slow.

Prepare
  1  creates the publication teal_shop_fwd of 12 tables on blue
     locks   SHARE UPDATE EXCLUSIVE on each of the 12 tables, for the moment of
             one statement; waits for it at most 500 ms
     undone  drops the publication
  2  creates the slot
     costs   WAL
     undone  drops it

Cut over
  ?  Does operator agree? (a person answers)
  3  holds clients
     undone  they go on

3 steps. What names no lock takes none. It cannot begin: 1 thing stops it.`,
    );
  });

  test('colour changes no letter', () => {
    const colored = renderPlan(plan, { width: 80, color: true });
    expect(colored).not.toBe(stripVTControlCharacters(colored));
    expect(stripVTControlCharacters(colored)).toBe(renderPlan(plan, { width: 80, color: false }));
  });

  test('no line is wider than asked, but for a word that is', () => {
    fc.assert(
      fc.property(fc.integer({ min: 40, max: 120 }), fc.lorem({ maxCount: 60 }), (width, does) => {
        const [stage] = plan.stages;
        const steps = stage?.steps.map((step) => ({ ...step, does })) ?? [];
        const text = renderPlan(
          { ...plan, stages: [{ id: 's', title: 'S', gates: [], steps }] },
          { width, color: false },
        );
        return text.split('\n').every((line) => line.length <= width);
      }),
    );
  });
});

test('wrapping loses and adds no word', () => {
  fc.assert(
    fc.property(fc.array(fc.stringMatching(/^\S+$/)), fc.integer({ min: 1, max: 50 }), (words, width) => {
      expect(wrap(words.join(' '), width).join(' ')).toBe(words.join(' '));
    }),
  );
});

test('as Markdown it is a table a stage, whatever stands in a text', () => {
  const markdown = renderPlanMarkdown({
    ...plan,
    stages: [
      ...plan.stages,
      {
        id: 'x',
        title: 'X',
        gates: [],
        steps: [{ id: 'x.y', does: 'a | b\nc', locks: 'nothing', costs: '', undone: '' }],
      },
    ],
  });
  expect(markdown).toContain('- **Stops it:** wal\\_level is replica. Set it to logical and restart blue.');
  expect(markdown).toContain('| 2 | `prepare.slot` | creates the slot | nothing | WAL | drops it |');
  expect(markdown).toContain('| 4 | `x.y` | a \\| b c | nothing |  |  |');
  const rows = markdown.split('\n').filter((line) => line.startsWith('|'));
  expect(rows.every((line) => line.replaceAll('\\|', '').split('|').length === 8)).toBe(true);
});

test('names what the journal will record, in order', () => {
  expect(stepIds(plan)).toEqual(['prepare.publication', 'prepare.slot', 'cut.hold']);
});
