/** `node test/fuzz/capture.ts`: writes the corpus anew from real servers: what they and a driver say to each other. Run by hand when a new major is to be added. */
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Client } from 'pg';
import { startPostgres } from '../../tools/servers/postgres.ts';
import { encodeQuery } from '../../src/wire/postgres/frontend.ts';
import { waitFor } from '../../src/kernel/clock.ts';
import type { RawSocket } from '../../src/systems/postgres/connection.ts';
import { corpusFolder } from './target.ts';

const schema = `create type mood as enum ('sad', 'ok'); create table a (id int primary key, name text, m mood, raw bytea);
  create table "Ünï ""q" (x numeric, y timestamptz default now()); alter table "Ünï ""q" replica identity full; create table doomed (id int);
  create publication p for all tables`;
const changes = [
  `insert into a values (1, 'one', 'ok', '\\x00ff'), (2, null, null, null)`,
  `update a set id = 3, name = repeat('long ', 100) where id = 1; update a set m = 'sad' where id = 2; delete from a where id = 2`,
  `insert into "Ünï ""q" values (1.5), ('NaN'); update "Ünï ""q" set x = 2; delete from "Ünï ""q"`,
  `truncate a, doomed restart identity; select pg_logical_emit_message(true, 'teal', 'x')`,
  `alter table a add column more int default 7; insert into a values (9, 'after')`,
];

async function capture(major: 14 | 18): Promise<void> {
  await using server = await startPostgres({ major, auth: 'scram-sha-256', superuserPassword: 'of a test' });
  const heard: { up: Buffer[]; down: Buffer[] } = { up: [], down: [] };
  const tee = createServer((client) => {
    const backend = connect(server.port, '127.0.0.1');
    client.on('data', (chunk: Buffer) => heard.up.push(chunk)).pipe(backend);
    backend.on('data', (chunk: Buffer) => heard.down.push(chunk)).pipe(client);
    for (const socket of [client, backend]) socket.on('error', () => undefined);
  });
  tee.listen(0, '127.0.0.1');
  await once(tee, 'listening');
  const url = new URL(server.url);
  url.port = String((tee.address() as AddressInfo).port);
  const save = (folder: string, name: string, bytes: Buffer): void => {
    mkdirSync(join(corpusFolder, folder), { recursive: true });
    writeFileSync(join(corpusFolder, folder, `${name}-${major}.bin`), bytes);
  };
  const taken = (): { up: Buffer; down: Buffer } => ({
    up: Buffer.concat(heard.up.splice(0)),
    down: Buffer.concat(heard.down.splice(0)),
  });

  const client = new Client({ connectionString: url.href });
  await client.connect();
  const login = taken();
  const startupBytes = login.up.readInt32BE(0);
  save('greeting', 'login', login.up);
  save('backend', 'login', login.down);
  client.on('error', () => undefined);
  await client.query(schema);
  await client.query(`select pg_create_logical_replication_slot('s', 'pgoutput')`);
  await client.query({ name: 'named', text: 'select $1::int as n, $2::text as t, null as nothing', values: [1, 'ü'] });
  await client.query(`set app.tenant = '7'; notify n; listen n; notify n, 'word'`);
  await client.query('select nothing from nowhere').catch(() => undefined);
  const talk = taken();
  save('frontend', 'talk', Buffer.concat([login.up.subarray(startupBytes), talk.up]));
  save('backend', 'talk', talk.down);

  const raw = (client as unknown as { connection: { stream: RawSocket } }).connection.stream;
  for (const change of changes) await client.query(change);
  taken();
  raw.write(encodeQuery(`copy (select n, repeat('x', n * 20) from generate_series(1, 20) n) to stdout`));
  await waitFor(
    { what: 'the end of a copy', timeoutMs: 60_000 },
    () => Buffer.concat(heard.down).includes('Z\0\0\0\x05') || undefined,
  );
  save('copy', 'text', taken().down);
  raw.destroy();

  const walsender = new Client({ connectionString: url.href, replication: 'database' } as never);
  walsender.on('error', () => undefined);
  await walsender.connect();
  const stream = (walsender as unknown as { connection: { stream: RawSocket } }).connection.stream;
  taken();
  stream.write(
    encodeQuery(`START_REPLICATION SLOT s LOGICAL 0/0 (proto_version '1', publication_names 'p', messages 'true')`),
  );
  await waitFor(
    { what: 'the last change', timeoutMs: 60_000 },
    () => (Buffer.concat(heard.down).includes('after') && heard.down.length > 1) || undefined,
  );
  save('replication', 'changes', taken().down);
  stream.destroy();
  tee.close();
}

await capture(14);
await capture(18);
