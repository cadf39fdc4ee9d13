import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { encodePacket, PacketReader } from '../../../wire/mysql/packets.ts';
import { headLimitBytes, PacketTap, type PassingPacket, type Verdict } from './packet-tap.ts';

/** What comes out of a tap for the given packets, cut into chunks of the given sizes. */
function through(
  payloads: readonly Buffer[],
  sizes: readonly number[],
  see: (packet: PassingPacket, tap: PacketTap) => Verdict | undefined,
): readonly Buffer[] {
  const out: Buffer[] = [];
  const tap: PacketTap = new PacketTap({ gate: () => true, see: (packet) => see(packet, tap) }, (bytes) =>
    out.push(Buffer.from(bytes)),
  );
  const bytes = Buffer.concat(payloads.map((payload, at) => encodePacket(at & 0xff, payload)));
  for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
    const size = Math.max(1, sizes[turn % sizes.length] ?? 1);
    tap.push(Buffer.from(bytes.subarray(at, at + size)));
    at += size;
  }
  expect(tap.atPacketEnd).toBe(true);
  const reader = new PacketReader();
  const read: Buffer[] = [];
  for (const { payload } of reader.push(Buffer.concat(out))) read.push(Buffer.from(payload));
  return read;
}

const payloads = fc.array(
  fc.oneof(
    fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
    fc
      .constantFrom(headLimitBytes - 1, headLimitBytes, headLimitBytes + 1, 3 * headLimitBytes)
      .map((size) => Buffer.alloc(size, 7)),
  ),
  { minLength: 1, maxLength: 8 },
);
const sizes = fc.array(fc.integer({ min: 1, max: 100_000 }), { minLength: 1, maxLength: 5 });

test('what is not touched passes as it is, at any chunk boundary', () => {
  fc.assert(
    fc.property(payloads, sizes, (all, cuts) => {
      const seen: number[] = [];
      const read = through(all, cuts, ({ head, whole }) => {
        seen.push(whole ? head.length : -head.length);
        return undefined;
      });
      expect(read.map((payload) => payload.toString('hex'))).toEqual(all.map((payload) => payload.toString('hex')));
      expect(seen).toEqual(all.map(({ length }) => (length <= headLimitBytes ? length : -headLimitBytes)));
    }),
    { numRuns: 60 },
  );
});

test('packets are left out, put before others and numbered anew', () => {
  fc.assert(
    fc.property(
      payloads,
      sizes,
      fc.array(fc.constantFrom('pass', 'drop', 'before', 'instead'), { minLength: 1, maxLength: 4 }),
      (all, cuts, what) => {
        let turn = 0;
        const expected: Buffer[] = [];
        const read = through(all, cuts, (packet, tap) => {
          const payload = all[turn] ?? Buffer.alloc(0);
          const now = packet.whole ? what[turn % what.length] : 'pass';
          turn += 1;
          const other = encodePacket((packet.sequence + tap.shift) & 0xff, Buffer.from('other'));
          switch (now) {
            case 'drop':
              tap.shift -= 1;
              return { instead: Buffer.alloc(0) };
            case 'before':
              tap.shift += 1;
              expected.push(Buffer.from('other'), payload);
              return { before: other };
            case 'instead':
              expected.push(Buffer.from('other'));
              return { instead: other };
            default:
              expected.push(payload);
              return undefined;
          }
        });
        expect(read.map((payload) => payload.toString('hex'))).toEqual(
          expected.map((payload) => payload.toString('hex')),
        );
      },
    ),
    { numRuns: 60 },
  );
});

test('what the gate does not let pass is kept, in order, and a packet that passed can come again', () => {
  let open = false;
  const out: Buffer[] = [];
  const seen: string[] = [];
  const duty = {
    gate: () => open,
    see: ({ head }: PassingPacket) => {
      seen.push(head.toString());
      open = false;
      return undefined;
    },
  };
  const tap = new PacketTap(duty, (bytes) => out.push(bytes));
  tap.push(
    Buffer.concat([
      encodePacket(0, Buffer.from('a')),
      encodePacket(0, Buffer.from('b')),
      encodePacket(0, Buffer.from('c')),
    ]),
  );
  expect([seen, tap.next]).toEqual([[], 0x61]);
  open = true;
  tap.run();
  tap.putBack(encodePacket(0, Buffer.from('a')));
  open = true;
  tap.run();
  tap.dropPacket();
  open = true;
  tap.run();
  expect(seen).toEqual(['a', 'a', 'c']);
  expect(tap.atPacketEnd).toBe(true);
  expect(Buffer.concat(out)).toEqual(Buffer.concat(['a', 'a', 'c'].map((text) => encodePacket(0, Buffer.from(text)))));
});
