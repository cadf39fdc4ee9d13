import { describe, expect, test } from 'vitest';
import { lengthEncodedBytes, uint16, uint32, uint8 } from '../../../wire/mysql/body.ts';
import { command } from '../../../wire/mysql/commands.ts';
import { capability, serverStatus, type Capabilities } from '../../../wire/mysql/flags.ts';
import { encodePacket, PacketReader } from '../../../wire/mysql/packets.ts';
import { encodeError, encodeOk } from '../../../wire/mysql/replies.ts';
import { ResponseReader } from '../../../wire/mysql/response.ts';
import { Answer } from './answer.ts';
import { PacketTap } from './packet-tap.ts';

const backend: Capabilities = { base: (capability.deprecateEof | capability.sessionTrack) >>> 0, mariadb: 0 };
const { autocommit, moreResults, cursorExists, lastRowSent, sessionStateChanged } = serverStatus;

const column = Buffer.concat([
  ...['def', '', '', '', 'a', ''].map((text) => lengthEncodedBytes(text)),
  uint8(12),
  uint16(45),
  uint32(4),
  uint8(253),
  uint16(0),
  uint8(0),
  uint16(0),
]);
const row = lengthEncodedBytes('value');
/** An OK that says that the default database is `shop` now. */
function changed(status: number, header = 0): Buffer {
  const change = Buffer.concat([uint8(1), lengthEncodedBytes(lengthEncodedBytes('shop'))]);
  return Buffer.concat([
    uint8(header),
    uint8(0),
    uint8(0),
    uint16(status | sessionStateChanged),
    uint16(3),
    uint8(0),
    lengthEncodedBytes(change),
  ]);
}
const ok = (status: number, header = 0): Buffer =>
  encodeOk(
    { affectedRows: 1n, lastInsertId: 2n, status, warnings: 0, info: header === 0 ? 'Rows matched: 1' : '' },
    backend,
    header,
  );
const end = (status: number): Buffer => ok(status, 0xfe);
const prepared = (columns: number, parameters: number): Buffer =>
  Buffer.concat([uint8(0), uint32(7), uint16(columns), uint16(parameters), uint8(0), uint16(0)]);
const failed = encodeError({ code: 1064, sqlState: '42000', message: 'no' });

const answers: readonly (readonly [string, number, readonly Buffer[], string])[] = [
  [
    'rows',
    command.query,
    [uint8(2), column, column, row, row, end(autocommit)],
    'columnCount column column EOF row row endOfRows',
  ],
  ['no rows', command.query, [uint8(1), column, changed(autocommit, 0xfe)], 'columnCount column EOF endOfRows'],
  ['rows that fail', command.query, [uint8(1), column, row, failed], 'columnCount column EOF row error'],
  ['rows that fail at once', command.query, [uint8(1), column, failed], 'columnCount column EOF error'],
  ['a change', command.query, [changed(autocommit)], 'ok'],
  [
    'several results',
    command.query,
    [ok(moreResults), uint8(1), column, row, end(moreResults), uint8(1), column, end(moreResults), changed(autocommit)],
    'ok columnCount column EOF row endOfRows columnCount column EOF endOfRows ok',
  ],
  ['a cursor', command.stmtExecute, [uint8(1), column, end(cursorExists)], 'columnCount column EOF'],
  ['rows of a cursor', command.stmtFetch, [row, end(lastRowSent)], 'row endOfRows'],
  [
    'a statement',
    command.stmtPrepare,
    [prepared(1, 2), column, column, column],
    'prepared parameter parameter EOF column EOF',
  ],
  ['a statement without rows', command.stmtPrepare, [prepared(0, 1), column], 'prepared parameter EOF'],
  ['a statement with rows alone', command.stmtPrepare, [prepared(2, 0), column, column], 'prepared column column EOF'],
  [
    'a long row',
    command.query,
    [uint8(1), column, Buffer.alloc(1 << 24, 1), row, end(autocommit)],
    'columnCount column EOF row row endOfRows',
  ],
];
const variants = [
  0,
  capability.sessionTrack,
  capability.deprecateEof,
  capability.deprecateEof | capability.sessionTrack,
];

describe.each(answers)('%s', (_what, code, packets, expected) => {
  test.each(variants)('is what a client with %i would have been answered', (base) => {
    const client: Capabilities = { base: base >>> 0, mariadb: 0 };
    const answer = new Answer(code, client, backend, () => autocommit);
    const out: Buffer[] = [];
    const tap: PacketTap = new PacketTap(
      {
        gate: () => true,
        see: (packet) => {
          const { verdict } = answer.see(packet);
          tap.shift = answer.shift;
          return verdict;
        },
      },
      (bytes) => out.push(Buffer.from(bytes)),
    );
    let sequence = 1;
    for (const payload of packets) {
      const bytes = encodePacket(sequence, payload);
      sequence += Math.floor(payload.length / 0xff_ff_ff) + 1;
      tap.push(bytes);
    }
    const reader = new ResponseReader(code, client);
    const kinds: string[] = [];
    let next = 1;
    for (const packet of new PacketReader().push(Buffer.concat(out))) {
      expect(packet.sequence).toBe(next);
      next = packet.lastSequence + 1;
      kinds.push(reader.see(packet.payload).kind.replace('endOfColumns', 'EOF'));
    }
    expect(reader.ended).toBe(true);
    const isCursor = code === command.stmtExecute;
    const withoutEof = isCursor
      ? expected.replace('EOF', 'endOfRows')
      : expected.replaceAll('EOF ', '').replace(/ EOF$/, '');
    expect(kinds.join(' ')).toBe((base & capability.deprecateEof) === 0 ? expected : withoutEof);
  });
});
