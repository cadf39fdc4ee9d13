import { crc32 } from 'node:zlib';
import { isTealError } from '../../src/kernel/errors.ts';
import { readAuthRequest } from '../../src/wire/mysql/auth.ts';
import { readJson } from '../../src/wire/mysql/binlog/json.ts';
import { readRows } from '../../src/wire/mysql/binlog/rows.ts';
import { BinlogReader, type BinlogEvent } from '../../src/wire/mysql/binlog/stream.ts';
import { readValue } from '../../src/wire/mysql/binlog/values.ts';
import { readColumn, readTextRow } from '../../src/wire/mysql/columns.ts';
import { command, readCommand } from '../../src/wire/mysql/commands.ts';
import { capability } from '../../src/wire/mysql/flags.ts';
import { readFirstWord, readGreeting } from '../../src/wire/mysql/greeting.ts';
import { PacketReader, type Packet } from '../../src/wire/mysql/packets.ts';
import { readEof, readError, readOk } from '../../src/wire/mysql/replies.ts';
import { readPrepared, ResponseReader } from '../../src/wire/mysql/response.ts';
import type { FuzzTarget } from './target.ts';
import { words } from './words.ts';

type Tell = (what: string) => void;

const limitBytes = 1 << 20;
const capabilities = {
  base: capability.protocol41 | capability.secureConnection | capability.sessionTrack,
  mariadb: 0,
};
const manyCapabilities = {
  base: capabilities.base | capability.deprecateEof | capability.pluginAuth | capability.queryAttributes,
  mariadb: 0,
};

function eachPacket(chunks: readonly Buffer[], take: (packet: Packet) => void): void {
  const reader = new PacketReader(limitBytes);
  for (const chunk of chunks) for (const packet of reader.push(chunk)) take(packet);
}

function attempt(tell: Tell, work: () => unknown): void {
  try {
    tell(words(work()));
  } catch (error) {
    if (!isTealError(error, 'TEAL-WIRE-001')) throw error;
    tell('malformed');
  }
}

/** Each packet is tried as everything that a server can say, and as a part of the answer to each kind of command. */
const serverPackets: FuzzTarget = {
  name: 'packets of a MySQL server',
  corpus: 'mysql-server',
  read: (chunks, tell) => {
    const codes = [command.query, command.stmtPrepare, command.stmtExecute, command.statistics, command.changeUser];
    const responses = codes.flatMap((code) =>
      [capabilities, manyCapabilities].map((agreed) => ({ code, agreed, reader: new ResponseReader(code, agreed) })),
    );
    eachPacket(chunks, ({ payload, lastSequence }) => {
      tell(`packet ${lastSequence}`);
      attempt(tell, () => readGreeting(payload));
      attempt(tell, () => readAuthRequest(payload));
      attempt(tell, () => readError(payload));
      attempt(tell, () => readEof(payload));
      attempt(tell, () => readPrepared(payload));
      attempt(tell, () => readTextRow(payload, 2));
      for (const agreed of [capabilities, manyCapabilities]) {
        attempt(tell, () => [readOk(payload, agreed), readColumn(payload, agreed)]);
      }
      for (const response of responses) {
        attempt(tell, () => {
          if (response.reader.ended) response.reader = new ResponseReader(response.code, response.agreed);
          return response.reader.see(payload);
        });
      }
    });
  },
};

const clientPackets: FuzzTarget = {
  name: 'packets of a MySQL client',
  corpus: 'mysql-client',
  read: (chunks, tell) => {
    eachPacket(chunks, ({ payload }) => {
      attempt(tell, () => readFirstWord(payload));
      for (const agreed of [capabilities, manyCapabilities]) attempt(tell, () => readCommand(payload, agreed));
    });
  },
};

function tellEvent(event: BinlogEvent, tell: Tell): void {
  tell(words(event));
  if (event.kind !== 'rows') return;
  for (const { before, after } of readRows(event.rows, event.map)) {
    for (const image of [before, after]) {
      image?.forEach((cell, at) => {
        const column = event.map.columns[at];
        if (cell === null || cell === undefined || column === undefined) return;
        attempt(tell, () => {
          const value = readValue(column, cell);
          return value.kind === 'json' ? readJson(value.bytes) : value;
        });
      });
    }
  }
}

const lengthAt = 9;

/** The corpus is events one after the other, as in a file. */
function eventsIn(bytes: Buffer): readonly Buffer[] {
  const events: Buffer[] = [];
  for (let at = 0; at + lengthAt + 4 <= bytes.length;) {
    const length = Math.max(1, Math.min(bytes.readUInt32LE(at + lengthAt), bytes.length - at));
    events.push(bytes.subarray(at, at + length));
    at += length;
  }
  return events;
}

const binlog: FuzzTarget = {
  name: 'binlog',
  corpus: 'mysql-binlog',
  read: (chunks, tell) => {
    const reader = new BinlogReader({ checksum: 'crc32', limitBytes });
    for (const bytes of eventsIn(Buffer.concat(chunks))) {
      for (const event of reader.read(bytes)) tellEvent(event, tell);
    }
  },
};

/** Changed events with right lengths and checksums. */
const checkedBinlog: FuzzTarget = {
  ...binlog,
  name: 'binlog with right checksums',
  mend: (input) => {
    const whole = Buffer.from(input);
    for (const event of eventsIn(whole)) {
      if (event.length < 23) continue;
      event.writeUInt32LE(event.length, lengthAt);
      event.writeUInt32LE(crc32(event.subarray(0, -4)), event.length - 4);
    }
    return whole;
  },
};

export const mysqlTargets: readonly FuzzTarget[] = [serverPackets, clientPackets, binlog, checkedBinlog];
