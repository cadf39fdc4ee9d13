import { randomBytes } from 'node:crypto';
import { waitFor } from '../../src/kernel/clock.ts';
import { referencedColumns, type ActingKey } from '../../src/model/acting-keys.ts';
import type { TableName } from '../../src/model/catalog.ts';
import type { Relation, StreamEvent } from '../../src/model/change.ts';
import type { Sink } from '../../src/ports/sink.ts';
import { createApplier } from '../../src/sync/applier.ts';
import { readActingKeys } from '../../src/systems/mysql/acting-keys.ts';
import { BinlogDecoder } from '../../src/systems/mysql/change-decoder.ts';
import { connect, type MysqlConnection } from '../../src/systems/mysql/connection.ts';
import { readBeginning } from '../../src/systems/mysql/source-probe.ts';
import { endOfBinlog, openStream, readUpTo } from '../../src/systems/mysql/test-support/stream.ts';
import { Feed } from './feed.ts';

export interface MysqlFlowOptions {
  readonly url: string;
  /** Database of the source that is followed. */
  readonly database: string;
  /** Under which its tables are on the target. */
  readonly as: string;
  readonly openSink: (stream: string) => Promise<Sink>;
}

/** What a source of MySQL's family has done since the flow was opened, applied in this process. `installTealSchema` must have run on both sides. */
export interface MysqlFlow extends AsyncDisposable {
  readonly actingKeys: readonly ActingKey[];
  /** Resolves when everything is applied that has committed. Rejects with what ended the applier. */
  carry(): Promise<void>;
}

export async function openMysqlFlow({ url, database, as, openSink }: MysqlFlowOptions): Promise<MysqlFlow> {
  const session: MysqlConnection = await connect({ url, applicationName: 'teal test flow' });
  const isWanted = ({ schema }: TableName): boolean => schema === database;
  const applied = await readBeginning(session, 'blue');
  const renamed = ({ schema, name }: TableName): TableName => ({ schema: schema === database ? as : schema, name });
  const keys = await readActingKeys(session, { database: undefined, isWanted });
  const actingKeys = keys.map((key) => ({ ...key, child: renamed(key.child), parent: renamed(key.parent) }));
  const migration = `t${randomBytes(5).toString('hex')}`;
  const stream = `${migration}_fwd`;
  const log = await openStream(url, applied, { isWanted });
  const decoder = new BinlogDecoder({ referenced: (table) => referencedColumns(keys, table) });
  const relations = new Map<Relation, Relation>();
  const relationOf = (relation: Relation): Relation => {
    const known = relations.get(relation) ?? { ...relation, ...renamed(relation) };
    relations.set(relation, known);
    return known;
  };
  const onTarget = (event: StreamEvent): StreamEvent => {
    if ('relation' in event) return { ...event, relation: relationOf(event.relation) };
    return event.kind === 'truncate' ? { ...event, relations: event.relations.map(relationOf) } : event;
  };
  const sink = await openSink(stream);
  const feed = new Feed();
  const applier = createApplier({
    stream,
    flow: 'forward',
    migration,
    events: feed,
    sink,
    managed: () => true,
    initial: { applied, mode: 'live', epoch: 0, rogueTransactions: 0 },
    actingKeys,
    lookEveryMs: 50,
  });
  let read = applied;
  const stop = new AbortController();
  const ended = applier.run(stop.signal).then(
    () => undefined,
    (error: unknown) => error,
  );
  return {
    actingKeys,
    async carry() {
      const head = await endOfBinlog(session);
      // What was rolled back is in no log: there may be nothing to wait for.
      if (head <= read) return;
      const records = await readUpTo(log, head);
      read = head;
      const events = records.flatMap((record) =>
        record.kind === 'mark' ? [] : (decoder.decode(record.payload) ?? []),
      );
      feed.push(events.map(onTarget));
      const end = events.findLast((event) => event.kind === 'commit')?.end;
      if (end === undefined) return;
      await waitFor({ what: 'the applier', timeoutMs: 240_000, everyMs: 10 }, async () => {
        const { now, durable } = applier.status();
        if (now.state === 'failed') throw await ended;
        if (now.state === 'waiting') throw new Error(JSON.stringify(now));
        return (durable !== undefined && durable >= end) || undefined;
      });
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await ended;
      await sink[Symbol.asyncDispose]();
      await log[Symbol.asyncDispose]();
      await session.close();
    },
  };
}
