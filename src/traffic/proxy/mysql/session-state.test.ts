import { expect, test } from 'vitest';
import { covers, pristine, sameState, type SessionState } from './session-state.ts';

function state(parts: readonly string[], more: Partial<SessionState> = {}): SessionState {
  return {
    ...pristine,
    ...more,
    parts: parts.map((sql) => ({ what: 'a setting', sql: Buffer.from(sql), settable: !sql.startsWith('prepare') })),
  };
}

test('states are the same when they would be said in the same words', () => {
  const one = state(['set @@session.a = 1'], { database: Buffer.from('shop') });
  expect(sameState(one, state(['set @@session.a = 1'], { database: Buffer.from('shop') }))).toBe(true);
  expect(sameState(one, state(['set @@session.a = 2'], { database: Buffer.from('shop') }))).toBe(false);
  expect(sameState(one, state(['set @@session.a = 1'], { database: Buffer.from('stock') }))).toBe(false);
  expect(sameState(one, state(['set @@session.a = 1']))).toBe(false);
  expect(sameState(one, state([], { database: Buffer.from('shop') }))).toBe(false);
  expect(sameState(state([]), state([], { role: '`r`@`%`' }))).toBe(false);
});

test('a backend is told the difference only where nothing has to go back to what it was', () => {
  const both = state(['set @@session.a = 1', 'set @`b` = 2']);
  expect(covers(both, pristine)).toBe(true);
  expect(covers(state(['set @@session.a = 9', 'set @`b` = 2', 'set @`c` = 3']), both)).toBe(true);
  expect(covers(state(['set @@session.a = 1']), both)).toBe(false);
  expect(covers(state([`prepare p from 'x'`]), state([`prepare p from 'x'`]))).toBe(false);
  expect(covers(state([]), state([], { database: Buffer.from('shop') }))).toBe(false);
  expect(covers(state([], { database: Buffer.from('stock') }), state([], { database: Buffer.from('shop') }))).toBe(
    true,
  );
});
