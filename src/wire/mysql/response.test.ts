import { describe, expect, test } from 'vitest';
import { isTealError } from '../../kernel/errors.ts';
import { command } from './commands.ts';
import { capability, mariadbCapability, type Capabilities } from './flags.ts';
import { ResponseReader } from './response.ts';

const plain: Capabilities = { base: capability.protocol41, mariadb: 0 };
const deprecated: Capabilities = { base: capability.protocol41 | capability.deprecateEof, mariadb: 0 };

function hex(text: string): Buffer {
  return Buffer.from(text.replaceAll(' ', ''), 'hex');
}

/** Built by hand from the manual's grammar. */
const column = hex('03 646566 00 00 00 01 61 00 0c 3f00 0b000000 03 8100 00 0000');
const ok = hex('00 00 00 0200 0000');
const okMore = hex('00 00 00 0a00 0000');
const endOk = hex('fe 00 00 0200 0000');
const eof = hex('fe 0000 0200');
const eofCursor = hex('fe 0000 4200');
const error = hex('ff 2804 23 3432303030 6e6f');

function kinds(code: number, capabilities: Capabilities, packets: readonly Buffer[]): string {
  const reader = new ResponseReader(code, capabilities);
  const seen = packets.map((packet, at) => {
    const { kind, ends } = reader.see(packet);
    expect(ends, `packet ${at}`).toBe(at === packets.length - 1);
    return kind;
  });
  expect(reader.ended).toBe(true);
  return seen.join(' ');
}

describe('an answer', () => {
  test('of rows in the binary protocol, and a cursor that is fetched', () => {
    const row = hex('00 00 07000000');
    expect(kinds(command.stmtExecute, plain, [hex('01'), column, eof, row, eof])).toBe(
      'columnCount column endOfColumns row endOfRows',
    );
    expect(kinds(command.stmtExecute, plain, [hex('01'), column, eofCursor])).toBe('columnCount column endOfColumns');
    expect(kinds(command.stmtExecute, deprecated, [hex('01'), column, hex('fe 00 00 4200 0000')])).toBe(
      'columnCount column endOfRows',
    );
    expect(kinds(command.stmtFetch, plain, [row, row, eof])).toBe('row row endOfRows');
    expect(kinds(command.stmtFetch, deprecated, [row, endOk])).toBe('row endOfRows');
  });

  test('of a row that begins as an end does', () => {
    const long = Buffer.concat([hex('fe 0000000100000000'), Buffer.alloc(1 << 24)]);
    expect(kinds(command.query, plain, [hex('01'), column, eof, long, eof])).toContain('row');
    expect(kinds(command.query, deprecated, [hex('01'), column, long, endOk])).toContain('row');
    // NULL, which begins as a request for a file does.
    expect(kinds(command.query, plain, [hex('01'), column, eof, hex('fb'), eof])).toContain('row');
  });

  test('of several results, and an error in the middle of any', () => {
    expect(kinds(command.query, plain, [okMore, okMore, ok])).toBe('ok ok ok');
    expect(kinds(command.query, plain, [okMore, error])).toBe('ok error');
    expect(kinds(command.query, plain, [hex('01'), column, eof, error])).toBe('columnCount column endOfColumns error');
    expect(kinds(command.query, plain, [hex('01'), error])).toBe('columnCount error');
  });

  test('that asks for a file', () => {
    const reader = new ResponseReader(command.query, plain);
    expect(reader.see(hex('fb 2f78'))).toEqual({ kind: 'localInfile', ends: false });
    expect(reader.awaitsFile).toBe(true);
    expect(reader.see(ok)).toMatchObject({ kind: 'ok', ends: true });
  });

  test('without descriptions, where that was agreed on', () => {
    const optional = { base: plain.base | capability.optionalResultsetMetadata, mariadb: 0 };
    expect(kinds(command.query, optional, [hex('00 00 00 0200 0000')])).toBe('ok');
    expect(kinds(command.query, optional, [hex('01 01'), column, eof, hex('0131'), eof])).toContain('column ');
    const cached = { base: deprecated.base, mariadb: mariadbCapability.cacheMetadata };
    expect(kinds(command.stmtExecute, cached, [hex('01 00'), hex('00 00 07'), endOk])).toBe(
      'columnCount row endOfRows',
    );
    expect(kinds(command.stmtExecute, cached, [hex('01 01'), column, hex('00 00 07'), endOk])).toBe(
      'columnCount column row endOfRows',
    );
  });

  test('to a prepared statement', () => {
    const prepared = hex('00 01000000 0100 0200 00 0000');
    expect(kinds(command.stmtPrepare, plain, [prepared, column, column, eof, column, eof])).toBe(
      'prepared parameter parameter endOfColumns column endOfColumns',
    );
    expect(kinds(command.stmtPrepare, deprecated, [prepared, column, column, column])).toBe(
      'prepared parameter parameter column',
    );
    expect(kinds(command.stmtPrepare, plain, [error])).toBe('error');
  });

  test('of one packet, of a list of columns, of a log, and none', () => {
    for (const code of [
      command.ping,
      command.initDb,
      command.resetConnection,
      command.stmtReset,
      command.processKill,
    ]) {
      expect(kinds(code, plain, [ok])).toBe('ok');
      expect(kinds(code, plain, [error])).toBe('error');
    }
    expect(kinds(command.setOption, deprecated, [eof])).toBe('endOfRows');
    expect(kinds(command.fieldList, plain, [column, column, eof])).toBe('column column endOfRows');
    expect(kinds(command.binlogDump, plain, [hex('00 01'), hex('00 02'), eof])).toBe('event event endOfRows');
    expect(kinds(command.binlogDumpGtid, plain, [error])).toBe('error');
    expect(kinds(command.changeUser, plain, [hex('fe 61 00'), hex('01 03'), ok])).toBe('auth auth ok');
    for (const code of [command.quit, command.stmtClose, command.stmtSendLongData]) {
      expect(new ResponseReader(code, plain).ended).toBe(true);
    }
  });

  test('with progress, where MariaDB was asked for it', () => {
    const progress = hex('ff ffff 01 01 01 00 00 00 00');
    expect(kinds(command.query, { ...plain, mariadb: mariadbCapability.progress }, [progress, ok])).toBe('progress ok');
    expect(kinds(command.query, plain, [progress])).toBe('error');
  });

  test.each([
    ['an empty packet', [hex('')]],
    ['no columns', [hex('fc 0000')]],
    ['another packet for the end of columns', [hex('01'), column, ok]],
    ['more after the end', [ok, ok]],
  ])('with %s is refused', (_name, packets) => {
    const reader = new ResponseReader(command.query, plain);
    try {
      for (const packet of packets) reader.see(packet);
      expect.unreachable();
    } catch (caught) {
      expect(isTealError(caught, 'TEAL-WIRE-001')).toBe(true);
    }
  });
});
