import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { openDualWrite, reconcile } from 'teal/dual-write';
import * as outbox from 'teal/outbox';
import { buildProgram } from '../../src/cli/command-line.ts';
import { outboxMetrics } from '../../src/outbox/metrics.ts';

const page = await readFile('docs/guide/outbox.md', 'utf8');

test('the page has every metric, every command with options that it knows, and what the library exports', async () => {
  for (const { name } of outboxMetrics) expect(page).toContain(`| \`${name}\` |`);
  const commands = buildProgram().commands.find((command) => command.name() === 'outbox')?.commands ?? [];
  const told = [...page.matchAll(/teal outbox (\w+)([^\n`]*)/g)];
  expect(new Set(told.map(([, name]) => name))).toEqual(new Set(commands.map((command) => command.name())));
  for (const [, name, rest = ''] of told) {
    const known = commands.find((command) => command.name() === name)?.options.map(({ long }) => long);
    for (const [option] of rest.matchAll(/--[a-z-]+/g)) expect(known).toContain(option);
  }
  for (const name of Object.keys(outbox).filter((each) => !/TealError|outboxDdl/.test(each)))
    expect(page).toContain(`\`${name}\``.replace(/`(outboxInsert|outboxMessage)`/, '$1'));
  const dualPage = await readFile('docs/guide/dual-write.md', 'utf8');
  for (const { name } of [openDualWrite, reconcile]) expect(dualPage).toContain(name);
});

test('the statement of the page is what an application runs', () => {
  const [sql, parameters] = outbox.outboxInsert(
    'mysql',
    { id: 'i', aggregateType: 'order', aggregateId: '17', type: 'paid', payload: null },
    'shop.outbox',
  );
  expect(sql).toBe('insert into shop.outbox (id, aggregatetype, aggregateid, type, payload) values (?, ?, ?, ?, ?)');
  expect(parameters).toEqual(['i', 'order', '17', 'paid', null]);
  expect(() =>
    outbox.outboxInsert('mysql', { aggregateType: '', aggregateId: '', type: '', payload: 1 }, 'a; drop'),
  ).toThrow();
  expect(outbox.outboxDdl({ from: 'postgres://h/d', table: 'a.b' })[0]).toContain('"a"."b"');
  expect(() => outbox.outboxDdl({ from: 'oracle://h', table: 'b' })).toThrow(/TEAL-OUTBOX-002/);
});
