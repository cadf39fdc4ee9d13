import { Writable } from 'node:stream';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { JsonLog } from './json-log.ts';

test('a line has the fields that pino would give it, in one line, without passwords', () => {
  const lines: string[] = [];
  const sink = new Writable({ write: (chunk, _, done) => (lines.push(String(chunk)), done()) });
  pino({ base: { pid: 7, process: 'forward', migration: 'shop' } }, sink).info('one\nline');
  const log = new JsonLog('forward', 7);
  expect(JSON.parse(log.line(30, 'x', 1))).toEqual({ level: 30, time: 1, pid: 7, process: 'forward', msg: 'x' });
  log.of('shop');
  const { time } = JSON.parse(lines[0] ?? '') as { time: number };
  expect(`${log.line(30, 'one\nline', time)}\n`).toBe(lines[0]);
  expect(log.line(50, 'postgres://u:secret@h/d', 1)).not.toContain('secret');
});
