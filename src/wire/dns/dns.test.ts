import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isTealError, type ErrorCode } from '../../kernel/errors.ts';
import { addressBytes, addressText } from './addresses.ts';
import { lower, nameBytes, queryFor, readMessage, recordTypes, updateOf } from './message.ts';
import { readSigned, sign, type TsigKey } from './tsig.ts';

const key: TsigKey = {
  name: 'teal.example',
  algorithm: 'hmac-sha256',
  secret: Buffer.from('a key of thirty-two bytes, ....'),
};
const now = 1_800_000_000;

function failsBy(code: ErrorCode, text = ''): (work: () => unknown) => void {
  return (work) =>
    expect(work).toThrow(expect.toSatisfy((error) => isTealError(error, code) && error.message.includes(text)));
}

/** By hand, as RFC 1035 section 4.1 has it: db.example.org A twice and a CNAME, names by pointers. */
const answer = Buffer.from(
  [
    '1234 8580 0001 0003 0000 0000',
    '02 6462 07 6578616d706c65 03 6f7267 00 0001 0001',
    'c00c 0001 0001 0000003c 0004 0a000001',
    '02 4442 c00f 0001 0001 0000003c 0004 0a000002',
    'c00c 0005 0001 00000e10 0006 03 6e6577 c00f',
  ]
    .join('')
    .replaceAll(' ', ''),
  'hex',
);

describe('an answer', () => {
  test('is read, names in lower case and whole', () => {
    expect(readMessage(answer)).toEqual({
      id: 0x1234,
      isAnswer: true,
      opcode: 0,
      isAuthoritative: true,
      rcode: 0,
      answers: [
        expect.objectContaining({ name: 'db.example.org', type: 1, ttl: 60, data: Buffer.of(10, 0, 0, 1) }),
        expect.objectContaining({ name: 'db.example.org', data: Buffer.of(10, 0, 0, 2) }),
        expect.objectContaining({ type: 5, ttl: 3_600, data: nameBytes('new.example.org') }),
      ],
      additional: [],
    });
  });

  test('cut anywhere, or with something behind it, is refused', () => {
    for (let length = 0; length < answer.length; length += 1) {
      failsBy('TEAL-WIRE-001')(() => readMessage(answer.subarray(0, length)));
    }
    failsBy('TEAL-WIRE-001', 'behind its end')(() => readMessage(Buffer.concat([answer, Buffer.of(0)])));
  });

  test.each([
    ['points at itself', 'c00c', 'points forward'],
    ['points forward', 'c00e', 'points forward'],
    ['points into the header', 'c000', 'points forward'],
    ['has a label of no kind', '40', 'unknown kind'],
    ['is too long', `3f${'61'.repeat(63)}`.repeat(4), 'longer than 255'],
  ])('whose name %s is refused', (_, name, why) => {
    const bytes = Buffer.from(`123481800001000000000000${name}0000010001`, 'hex');
    failsBy('TEAL-WIRE-001', why)(() => readMessage(bytes));
  });

  test('of whatever bytes is read or refused, and never anything else', () => {
    const flips = fc.array(fc.tuple(fc.nat(answer.length - 1), fc.nat(255)), { maxLength: 6 });
    const changed = flips.map((all) => {
      const bytes = Buffer.from(answer);
      for (const [at, byte] of all) bytes[at] = byte;
      return bytes;
    });
    const anything = fc.uint8Array({ maxLength: 600 }).map((bytes) => Buffer.from(bytes));
    const signed = fc.tuple(changed, anything).map(([head, tail]) => Buffer.concat([head, tail]));
    fc.assert(
      fc.property(fc.oneof(changed, anything, signed), (bytes) => {
        for (const read of [() => readMessage(bytes), () => readSigned(bytes, key, Buffer.alloc(32), now)]) {
          try {
            read();
          } catch (error) {
            if (!isTealError(error)) throw error;
          }
        }
      }),
      { numRuns: 1_000 },
    );
  });
});

test('names come back as they went, whatever is in a label', () => {
  const label = fc.uint8Array({ minLength: 1, maxLength: 20 }).map((bytes) => Buffer.from(bytes));
  fc.assert(
    fc.property(fc.array(label, { maxLength: 8 }), (labels) => {
      const wire = Buffer.concat([...labels.flatMap((it) => [Buffer.of(it.length), it]), Buffer.of(0)]);
      const [head, tail] = ['000180000000000100000000', '00010001000000000000'];
      const bytes = Buffer.concat([Buffer.from(head, 'hex'), wire, Buffer.from(tail, 'hex')]);
      const lowered = lower(wire.toString('latin1'));
      expect(nameBytes(readMessage(bytes).answers[0]?.name ?? '').toString('latin1')).toBe(lowered);
    }),
  );
});

test('an update names what must be there, empties the set, and fills it', () => {
  const [before, after] = [addressBytes('A', '10.0.0.1'), addressBytes('A', '10.0.0.2')];
  const update = {
    zone: 'example',
    name: 'db.example',
    type: recordTypes.A,
    before: [before],
    after: [after],
    ttl: 60,
  };
  const owner = '02646207 6578616d706c6500';
  expect(updateOf(0x1234, { ...update, replaces: true })).toEqual(
    Buffer.from(
      [
        '1234 2800 0001 0001 0002 0000 076578616d706c6500 0006 0001',
        `${owner} 0001 0001 00000000 0004 0a000001`,
        `${owner} 0001 00ff 00000000 0000`,
        `${owner} 0001 0001 0000003c 0004 0a000002`,
      ]
        .join('')
        .replaceAll(' ', ''),
      'hex',
    ),
  );
});

describe('a signature', () => {
  const request = sign(queryFor(7, 'db.example', recordTypes.A), key, now);
  /** As a server signs: over the MAC of the request too. */
  const answered = (by: TsigKey, at = now): Buffer => {
    const length = Buffer.of(request.mac.length >> 8, request.mac.length & 0xff);
    return signedAnswer(answer, by, Buffer.concat([length, request.mac]), at);
  };

  test('of its server is taken', () => {
    expect(readSigned(answered(key), key, request.mac, now).answers).toHaveLength(3);
  });

  test.each([
    ['none', () => answer, 'it is not signed'],
    ['by another secret', () => answered({ ...key, secret: Buffer.from('other') }), 'does not fit'],
    ['by another name', () => answered({ ...key, name: 'other' }), 'another key'],
    ['by another algorithm', () => answered({ ...key, algorithm: 'hmac-sha512' }), 'another key'],
    ['of another time', () => answered(key, now - 301), 'clocks'],
    ['to another request', () => signedAnswer(answer, key, Buffer.from('0000', 'hex'), now), 'does not fit'],
  ])('%s is refused', (_, bytes, why) => {
    failsBy('TEAL-WIRE-006', why)(() => readSigned(bytes(), key, request.mac, now));
  });

  test('does not fit after any byte has changed', () => {
    const bytes = answered(key);
    // The number before all else is not signed: it may change on its way.
    for (let at = 2; at < bytes.length; at += 1) {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect(() => readSigned(changed, key, request.mac, now), `byte ${at}`).toThrow();
    }
  });
});

/** By hand, so that the signer is not tested by itself alone: RFC 8945 section 4.3.3. */
function signedAnswer(message: Buffer, by: TsigKey, before: Buffer, at: number): Buffer {
  const signed = sign(message, by, at).bytes;
  const tsig = signed.subarray(message.length);
  const mac = signMac(message, by, before, at);
  const place = tsig.length - 6 - mac.length;
  mac.copy(tsig, place);
  return signed;
}

function signMac(message: Buffer, by: TsigKey, before: Buffer, at: number): Buffer {
  const time = Buffer.alloc(8);
  time.writeBigUInt64BE(BigInt(at));
  return createHmac(by.algorithm.slice(5), by.secret)
    .update(before)
    .update(message)
    .update(nameBytes(by.name))
    .update(Buffer.from('00ff00000000', 'hex'))
    .update(nameBytes(by.algorithm))
    .update(time.subarray(2))
    .update(Buffer.from('012c00000000', 'hex'))
    .digest();
}

test.each([
  ['A', '10.0.0.255', '10.0.0.255'],
  ['AAAA', '2001:DB8::1', '2001:db8::1'],
  ['AAAA', '::', '::'],
  ['AAAA', '::ffff:10.0.0.1', '::ffff:a00:1'],
  ['AAAA', '1:2:3:4:5:6:7:8', '1:2:3:4:5:6:7:8'],
  ['CNAME', 'DB-new.example.org.', 'DB-new.example.org'],
] as const)('%s %s is what a person writes', (type, text, canonical) => {
  const data = addressBytes(type, text);
  expect(addressText(type, data)).toBe(canonical);
  expect(addressBytes(type, canonical)).toEqual(data);
});

test.each([
  ['A', '10.0.0'],
  ['A', '::1'],
  ['AAAA', '10.0.0.1'],
  ['CNAME', 'a..b'],
  ['CNAME', `${'a'.repeat(64)}.org`],
] as const)('%s %s is refused', (type, text) => {
  failsBy('TEAL-WIRE-001')(() => addressBytes(type, text));
});
