import { expect, test } from 'vitest';
import { LineSplitter } from './lines.ts';

const text = '{"a":1}\n\n{"b":"\u20ac"}\nshort\n123456789012\nafter it\nrest';

test('lines are the same at any chunk boundary, up to one that is too long', () => {
  for (let at = 0; at <= text.length; at += 1) {
    const lines = new LineSplitter(11);
    const seen = [...lines.push(text.slice(0, at)), ...lines.push(text.slice(at))];
    expect(seen, `split at ${at}`).toEqual(['{"a":1}', '', '{"b":"\u20ac"}', 'short']);
    expect(lines.overflowed).toBe(true);
  }
});

test('a line of exactly the limit passes, and one that never ends does not', () => {
  const lines = new LineSplitter(4);
  expect(lines.push('1234\n12')).toEqual(['1234']);
  expect(lines.overflowed).toBe(false);
  expect(lines.push('345')).toEqual([]);
  expect(lines.overflowed).toBe(true);
  expect(lines.push('\nmore\n')).toEqual([]);
});
