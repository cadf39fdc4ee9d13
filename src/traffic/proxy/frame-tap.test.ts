import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isTealError } from '../../kernel/errors.ts';
import { frame } from '../../wire/postgres/body.ts';
import { FrameTap, type TapRules } from './frame-tap.ts';

const all: TapRules = { gate: () => true, need: () => 0, see: () => true };

function through(rules: TapRules, chunks: readonly Buffer[]): string {
  const out: Buffer[] = [];
  const tap = new FrameTap(rules, (bytes) => out.push(Buffer.from(bytes)));
  for (const chunk of chunks) expect(tap.push(chunk)).toBe(chunk.length);
  expect(tap.atFrameEnd).toBe(true);
  return Buffer.concat(out).toString('latin1');
}

/** The stream cut at these places. */
function cut(stream: Buffer, places: readonly number[]): readonly Buffer[] {
  const at = [0, ...[...places].sort((a, b) => a - b), stream.length];
  return at.slice(1).map((end, index) => stream.subarray(at[index], end));
}

const frames = [frame('D', Buffer.from('row one')), frame('Z', Buffer.from('I')), frame('1'), frame('D'), frame('1')];
const stream = Buffer.concat(frames);
const text = stream.toString('latin1');
const withoutOnes = Buffer.concat(frames.filter((bytes) => bytes[0] !== 0x31)).toString('latin1');
const swallowOnes: TapRules = { gate: () => true, need: (type) => (type === 0x31 ? 1 : 0), see: () => false };

describe('a tap', () => {
  test('passes the very chunk on when nothing is taken out of it', () => {
    const out: Buffer[] = [];
    new FrameTap(all, (bytes) => out.push(bytes)).push(stream);
    expect(out).toHaveLength(1);
    expect(out[0]).toBe(stream);
  });

  test('shows heads of the length that is needed, passes and swallows, for every way to cut the stream', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: stream.length }), { maxLength: 8 }), fc.nat({ max: 12 }), (places, need) => {
        const seen: string[] = [];
        const rules: TapRules = {
          gate: () => true,
          need: (_type, length) => Math.min(length, need),
          see: (bytes, start, end, length) => {
            expect(end - start).toBeGreaterThanOrEqual(Math.min(length, need));
            seen.push(bytes.toString('latin1', start, start + 1));
            return true;
          },
        };
        expect(through(rules, cut(stream, places))).toBe(text);
        expect(seen.join('')).toBe(need === 0 ? '' : 'DZ1D1');
        expect(through(swallowOnes, cut(stream, places))).toBe(withoutOnes);
      }),
    );
  });

  test('swallows a frame that is longer than what was seen of it', () => {
    const long = frame('x', Buffer.alloc(100, 'a'));
    const rules: TapRules = { gate: () => true, need: (type) => (type === 0x78 ? 10 : 0), see: () => false };
    for (let at = 0; at < long.length; at += 1) {
      expect(through(rules, cut(Buffer.concat([long, frame('Z')]), [at])), `cut at ${at}`).toBe(
        frame('Z').toString('latin1'),
      );
    }
  });

  test('inserts before a frame, wherever the stream is cut', () => {
    for (let at = 0; at <= stream.length; at += 1) {
      const out: Buffer[] = [];
      const tap: FrameTap = new FrameTap(
        {
          gate: () => true,
          need: (type) => (type === 0x5a ? 6 : 0),
          see: () => (tap.insert(Buffer.from('<here>')), true),
        },
        (bytes) => out.push(Buffer.from(bytes)),
      );
      for (const chunk of cut(stream, [at])) tap.push(chunk);
      expect(Buffer.concat(out).toString('latin1'), `cut at ${at}`).toBe(text.replace('Z\0', '<here>Z\0'));
    }
  });

  test('stops at the first byte of a frame that the gate refuses, and takes it later', () => {
    let open = false;
    const out: Buffer[] = [];
    const rules: TapRules = { ...all, gate: (type) => open || type !== 0x5a };
    const tap = new FrameTap(rules, (bytes) => out.push(Buffer.from(bytes)));
    const taken = tap.push(stream);
    expect(stream.subarray(0, taken)).toEqual(frames[0]);
    expect(tap.push(stream.subarray(taken))).toBe(0);
    open = true;
    tap.push(stream.subarray(taken));
    expect(Buffer.concat(out)).toEqual(stream);
  });

  test('refuses an impossible length', () => {
    const tap = new FrameTap(all, () => {});
    let code = '';
    try {
      tap.push(Buffer.from([0x51, 0, 0, 0, 3]));
    } catch (error) {
      code = isTealError(error) ? error.code : String(error);
    }
    expect(code).toBe('TEAL-WIRE-001');
  });
});
