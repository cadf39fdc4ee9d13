import { describe, expect, test } from 'vitest';
import { commandGate } from './command/command-gate.ts';
import { personGate } from './person/person-gate.ts';
import { sqlGate } from './sql/sql-gate.ts';

const { signal } = new AbortController();

describe('a command', () => {
  const ask = async (script: string, timeoutMs = 10_000): Promise<unknown> =>
    commandGate({ id: 'g', command: [process.execPath, '-e', script], timeoutMs }).ask(signal);

  test('says yes with 0 and no with anything else', async () => {
    expect(await ask('process.exit(0)')).toEqual({ answer: 'yes', evidence: 'it ended with 0' });
    expect(await ask('process.exit(3)')).toEqual({ answer: 'no', evidence: 'it ended with 3' });
    expect(await ask('process.kill(process.pid, "SIGTERM")')).toEqual({
      answer: 'no',
      evidence: 'it was ended by SIGTERM',
    });
  });

  test('that does not end, or is not there, tells nothing', async () => {
    expect(await ask('setInterval(() => {}, 1000)', 200)).toMatchObject({ answer: 'cannot tell' });
    const missing = commandGate({ id: 'g', command: ['/nowhere/at-all'], timeoutMs: 1_000 });
    expect(await missing.ask(signal)).toMatchObject({ answer: 'cannot tell' });
  });
});

test('a query is compared as text, its value is not told, and an error is no answer', async () => {
  const gate = (value: string | null | Error): Promise<unknown> =>
    sqlGate({ id: 'g', on: 'green', sql: 'select 1', equals: '0' }, async () => {
      if (value instanceof Error) throw value;
      return value;
    }).ask(signal);
  expect(await gate('0')).toMatchObject({ answer: 'yes' });
  expect(await gate('a secret')).toEqual({ answer: 'no', evidence: 'the query gives another value' });
  expect(await gate(null)).toMatchObject({ answer: 'no' });
  expect(await gate(new Error('lost'))).toMatchObject({ answer: 'cannot tell', evidence: 'lost' });
});

test('a person is waited for and named', async () => {
  let answer: { by: string; atIso: string } | undefined;
  const gate = personGate('g', 'dba', () => answer);
  expect(await gate.ask(signal)).toMatchObject({ answer: 'not yet' });
  answer = { by: 'ada', atIso: '2026-01-01T00:00:00Z' };
  expect(await gate.ask(signal)).toEqual({ answer: 'yes', evidence: 'ada at 2026-01-01T00:00:00Z' });
});
