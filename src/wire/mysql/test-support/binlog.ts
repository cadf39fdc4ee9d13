import { encodeBinlogDump, encodeRegisterSlave } from '../commands.ts';
import { BinlogReader, type BinlogEvent } from '../binlog/stream.ts';
import { ServerSaid, type TestClient } from './client.ts';

export interface BinlogPlace {
  readonly file: string;
  readonly position: number;
}

export async function binlogPlace(client: TestClient): Promise<BinlogPlace> {
  const { rows } = await client.query('show master status');
  return { file: String(rows[0]?.[0]), position: Number(String(rows[0]?.[1])) };
}

const nonBlocking = 1;

/** The raw events from a place up to the end of the log, as the server sends them. The session is of no other use afterwards. */
export async function* rawEvents(client: TestClient, from: BinlogPlace): AsyncGenerator<Buffer, void, void> {
  await client.query("set @master_binlog_checksum = 'CRC32', @source_binlog_checksum = 'CRC32'");
  if (client.flavour === 'mariadb') await client.query('set @mariadb_slave_capability = 4');
  for await (const { part, payload } of client.ask(encodeRegisterSlave(4_000))) {
    if (part.kind === 'error') throw new ServerSaid(payload);
  }
  const dump = encodeBinlogDump(4_000, from.file, from.position, nonBlocking);
  for await (const { part, payload } of client.ask(dump)) {
    if (part.kind === 'error') throw new ServerSaid(payload);
    if (part.kind === 'event') yield payload.subarray(1);
  }
}

export async function events(client: TestClient, from: BinlogPlace): Promise<readonly BinlogEvent[]> {
  const reader = new BinlogReader({ checksum: 'crc32' });
  const all: BinlogEvent[] = [];
  for await (const bytes of rawEvents(client, from)) all.push(...reader.read(bytes));
  return all;
}
