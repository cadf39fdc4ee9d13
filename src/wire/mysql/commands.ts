import { BodyReader, malformed, uint16, uint32, uint64, uint8, zeroTerminated } from './body.ts';
import { skipBinaryValue } from './binary-values.ts';
import { capability, has, type Capabilities } from './flags.ts';
import { readAttributes } from './greeting.ts';

/** The first byte of what a client sends after it has logged in (MySQL manual, "Command Phase"; 0xfa is MariaDB's). */
export const command = Object.freeze({
  quit: 1,
  initDb: 2,
  query: 3,
  fieldList: 4,
  createDb: 5,
  dropDb: 6,
  refresh: 7,
  shutdown: 8,
  statistics: 9,
  processInfo: 10,
  processKill: 12,
  debug: 13,
  ping: 14,
  changeUser: 17,
  binlogDump: 18,
  registerSlave: 21,
  stmtPrepare: 22,
  stmtExecute: 23,
  stmtSendLongData: 24,
  stmtClose: 25,
  stmtReset: 26,
  setOption: 27,
  stmtFetch: 28,
  binlogDumpGtid: 30,
  resetConnection: 31,
  stmtBulkExecute: 0xfa,
});

/** SQL as bytes: it is in whatever character set the client speaks. */
export type Command =
  | { readonly kind: 'query'; readonly sql: Buffer }
  | { readonly kind: 'prepare'; readonly sql: Buffer }
  | { readonly kind: 'initDb'; readonly name: Buffer }
  /** `bulkExecute` is MariaDB's. What is bound needs the number of parameters, which the answer to `prepare` tells: left as bytes. */
  | {
      readonly kind: 'execute' | 'bulkExecute';
      readonly statement: number;
      readonly flags: number;
      readonly bound: Buffer;
    }
  | { readonly kind: 'sendLongData'; readonly statement: number; readonly parameter: number; readonly data: Buffer }
  | { readonly kind: 'close' | 'reset'; readonly statement: number }
  | { readonly kind: 'fetch'; readonly statement: number; readonly rows: number }
  | {
      readonly kind: 'changeUser';
      readonly user: string;
      readonly answer: Buffer;
      readonly database: string;
      readonly collation: number | undefined;
      readonly plugin: string | undefined;
      readonly attributes: ReadonlyMap<string, string>;
    }
  | { readonly kind: 'processKill'; readonly connectionId: number }
  /** 0 and 1: several statements in one query, or no longer. */
  | { readonly kind: 'setOption'; readonly option: number }
  | { readonly kind: 'registerSlave'; readonly serverId: number }
  | { readonly kind: 'binlogDump'; readonly serverId: number; readonly flags: number; readonly from: DumpStart }
  | { readonly kind: 'quit' | 'ping' | 'resetConnection' | 'statistics' | 'debug' | 'processInfo' }
  | { readonly kind: 'other'; readonly code: number };

export type DumpStart =
  | { readonly by: 'place'; readonly file: string; readonly position: number }
  /** The encoded set of what the client has (binlog/gtid-set.ts). */
  | { readonly by: 'gtid'; readonly set: Buffer };

export function readCommand(payload: Buffer, capabilities: Capabilities): Command {
  const body = new BodyReader(payload, 'a command');
  const code = body.uint8();
  switch (code) {
    case command.query:
      return { kind: 'query', sql: readQuery(body, capabilities) };
    case command.stmtPrepare:
      return { kind: 'prepare', sql: body.rest() };
    case command.initDb:
      return { kind: 'initDb', name: body.rest() };
    case command.stmtExecute:
    case command.stmtBulkExecute: {
      const isBulk = code === command.stmtBulkExecute;
      const statement = body.uint32();
      const flags = isBulk ? body.uint16() : body.uint8();
      return { kind: isBulk ? 'bulkExecute' : 'execute', statement, flags, bound: body.rest() };
    }
    case command.stmtSendLongData:
      return { kind: 'sendLongData', statement: body.uint32(), parameter: body.uint16(), data: body.rest() };
    case command.stmtClose:
      return { kind: 'close', statement: body.uint32() };
    case command.stmtReset:
      return { kind: 'reset', statement: body.uint32() };
    case command.stmtFetch:
      return { kind: 'fetch', statement: body.uint32(), rows: body.uint32() };
    case command.changeUser:
      return readChangeUser(body, capabilities);
    case command.processKill:
      return { kind: 'processKill', connectionId: body.uint32() };
    case command.setOption:
      return { kind: 'setOption', option: body.uint16() };
    case command.registerSlave:
      return { kind: 'registerSlave', serverId: body.uint32() };
    case command.binlogDump: {
      const position = body.uint32();
      const flags = body.uint16();
      const serverId = body.uint32();
      return {
        kind: 'binlogDump',
        serverId,
        flags,
        from: { by: 'place', file: body.rest().toString('utf8'), position },
      };
    }
    case command.binlogDumpGtid:
      return readDumpGtid(body);
    default:
      return readBare(code);
  }
}

const bare: Readonly<Record<number, 'quit' | 'ping' | 'resetConnection' | 'statistics' | 'debug' | 'processInfo'>> = {
  [command.quit]: 'quit',
  [command.ping]: 'ping',
  [command.resetConnection]: 'resetConnection',
  [command.statistics]: 'statistics',
  [command.debug]: 'debug',
  [command.processInfo]: 'processInfo',
};

function readBare(code: number): Command {
  const kind = bare[code];
  return kind === undefined ? { kind: 'other', code } : { kind };
}

/** With query attributes: their number, the number of their sets, which is one, and each with type, name and value before the text. */
function readQuery(body: BodyReader, capabilities: Capabilities): Buffer {
  if (!has(capabilities, capability.queryAttributes)) return body.rest();
  const count = body.lengthEncoded();
  if (body.lengthEncoded() !== 1) throw malformed('a query', 'its number of sets of attributes');
  if (count === 0) return body.rest();
  const nulls = body.bytes((count + 7) >> 3);
  if (body.uint8() !== 1) throw malformed('a query', 'attributes without their types');
  const types: number[] = [];
  for (let at = 0; at < count; at += 1) {
    types.push(body.uint16());
    body.lengthEncodedBytes();
  }
  types.forEach((type, at) => {
    const isNull = ((nulls[at >> 3] ?? 0) & (1 << (at & 7))) !== 0;
    if (!isNull) skipBinaryValue(body, type & 0xff);
  });
  return body.rest();
}

function readChangeUser(body: BodyReader, capabilities: Capabilities): Command {
  const user = body.zeroTerminated();
  const answer = has(capabilities, capability.secureConnection) ? body.bytes(body.uint8()) : body.zeroTerminatedBytes();
  const database = body.zeroTerminated();
  const collation = body.left >= 2 ? body.uint16() : undefined;
  const plugin = has(capabilities, capability.pluginAuth) && body.left > 0 ? body.zeroTerminated() : undefined;
  const attributes = has(capabilities, capability.connectAttributes) ? readAttributes(body) : new Map<string, string>();
  return { kind: 'changeUser', user, answer, database, collation, plugin, attributes };
}

function readDumpGtid(body: BodyReader): Command {
  const flags = body.uint16();
  const serverId = body.uint32();
  body.skip(body.uint32());
  body.uint64();
  return { kind: 'binlogDump', serverId, flags, from: { by: 'gtid', set: body.bytes(body.uint32()) } };
}

export function encodeQuery(sql: string, capabilities: Capabilities): Buffer {
  const noAttributes = has(capabilities, capability.queryAttributes) ? Buffer.of(0, 1) : Buffer.alloc(0);
  return Buffer.concat([uint8(command.query), noAttributes, Buffer.from(sql, 'utf8')]);
}

export function encodeBare(code: number): Buffer {
  return uint8(code);
}

export function encodePrepare(sql: string): Buffer {
  return Buffer.concat([uint8(command.stmtPrepare), Buffer.from(sql, 'utf8')]);
}

export function encodeInitDb(name: Buffer): Buffer {
  return Buffer.concat([uint8(command.initDb), name]);
}

export function encodeStatementClose(statement: number): Buffer {
  return Buffer.concat([uint8(command.stmtClose), uint32(statement)]);
}

export function encodeRegisterSlave(serverId: number): Buffer {
  // Host, user, password: empty; port, rank, the master's number: not used.
  return Buffer.concat([uint8(command.registerSlave), uint32(serverId), Buffer.alloc(3 + 2 + 4 + 4)]);
}

/** `position` has 32 bits: what begins further in a file can only be reached by GTID. */
export function encodeBinlogDump(serverId: number, file: string, position: number, flags = 0): Buffer {
  const head = [uint8(command.binlogDump), uint32(position), uint16(flags), uint32(serverId)];
  return Buffer.concat([...head, zeroTerminated(file).subarray(0, -1)]);
}

/** MySQL alone; `set` is what the client has. MariaDB is told by `set @slave_connect_state` before a `binlogDump` from an empty file name. */
export function encodeBinlogDumpGtid(serverId: number, set: Buffer, flags = 4): Buffer {
  const head = [uint8(command.binlogDumpGtid), uint16(flags), uint32(serverId), uint32(0), uint64(4n)];
  return Buffer.concat([...head, uint32(set.length), set]);
}
