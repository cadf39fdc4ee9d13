import { describe, expect, test } from 'vitest';
import {
  command,
  encodeBare,
  encodeBinlogDump,
  encodeBinlogDumpGtid,
  encodeInitDb,
  encodePrepare,
  encodeQuery,
  encodeRegisterSlave,
  encodeStatementClose,
  readCommand,
} from './commands.ts';
import { capability } from './flags.ts';

const plain = { base: capability.protocol41 | capability.secureConnection | capability.pluginAuth, mariadb: 0 };
const withAttributes = { base: plain.base | capability.queryAttributes, mariadb: 0 };

function hex(text: string): Buffer {
  return Buffer.from(text.replaceAll(' ', ''), 'hex');
}

describe('a command', () => {
  test('is read as it was written', () => {
    for (const agreed of [plain, withAttributes]) {
      expect(readCommand(encodeQuery('select 1', agreed), agreed)).toEqual({
        kind: 'query',
        sql: Buffer.from('select 1'),
      });
    }
    expect(readCommand(encodePrepare('do ?'), plain)).toEqual({ kind: 'prepare', sql: Buffer.from('do ?') });
    expect(readCommand(encodeInitDb(Buffer.from('shop')), plain)).toEqual({
      kind: 'initDb',
      name: Buffer.from('shop'),
    });
    expect(readCommand(encodeStatementClose(7), plain)).toEqual({ kind: 'close', statement: 7 });
    expect(readCommand(encodeBare(command.ping), plain)).toEqual({ kind: 'ping' });
    expect(readCommand(encodeBare(0x1d), plain)).toEqual({ kind: 'other', code: 0x1d });
    expect(readCommand(encodeRegisterSlave(9), plain)).toEqual({ kind: 'registerSlave', serverId: 9 });
    expect(readCommand(encodeBinlogDump(9, 'binlog.000001', 4, 1), plain)).toEqual({
      kind: 'binlogDump',
      serverId: 9,
      flags: 1,
      from: { by: 'place', file: 'binlog.000001', position: 4 },
    });
    const set = Buffer.from('a set');
    expect(readCommand(encodeBinlogDumpGtid(9, set), plain)).toMatchObject({ from: { by: 'gtid', set } });
  });

  test('of a client is read as the manual has it', () => {
    expect(readCommand(hex('17 02000000 01 01000000 00 01 0300 05'), plain)).toMatchObject({
      kind: 'execute',
      statement: 2,
      flags: 1,
    });
    expect(readCommand(hex('fa 02000000 8000 aa'), plain)).toMatchObject({ kind: 'bulkExecute', flags: 128 });
    expect(readCommand(hex('18 02000000 0100 616263'), plain)).toEqual({
      kind: 'sendLongData',
      statement: 2,
      parameter: 1,
      data: Buffer.from('abc'),
    });
    expect(readCommand(hex('1a 02000000'), plain)).toEqual({ kind: 'reset', statement: 2 });
    expect(readCommand(hex('1c 02000000 64000000'), plain)).toEqual({ kind: 'fetch', statement: 2, rows: 100 });
    expect(readCommand(hex('0c 05000000'), plain)).toEqual({ kind: 'processKill', connectionId: 5 });
    expect(readCommand(hex('1b 0100'), plain)).toEqual({ kind: 'setOption', option: 1 });
    expect(readCommand(hex('11 61 00 02 bbcc 64 00 2d00 70 00'), plain)).toMatchObject({
      kind: 'changeUser',
      user: 'a',
      answer: hex('bbcc'),
      database: 'd',
      collation: 45,
      plugin: 'p',
    });
  });

  test('with attributes of every length is read from where its text begins', () => {
    // 5 attributes, the second NULL: int<4>, NULL, a text, a datetime of 4 bytes, an int<8>.
    const types = '0300 016e 0600 00 fe00 0174 0c00 00 0800 00';
    const values = '07000000 02 6869 04 e8070102 0100000000000000';
    const sql = Buffer.concat([hex(`03 05 01 02 01 ${types} ${values}`), Buffer.from('select 1')]);
    expect(readCommand(sql, withAttributes)).toEqual({ kind: 'query', sql: Buffer.from('select 1') });
  });
});
