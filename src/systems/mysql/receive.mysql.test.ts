import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { allSeries } from '../../../test/support/mysql.ts';
import { startMysql } from '../../../tools/servers/mysql.ts';
import type { Position } from '../../model/position.ts';
import { Receiver, type ReceiverReport } from '../../sync/receiver.ts';
import { SpoolReader } from '../../sync/spool-reader.ts';
import { SpoolWriter } from '../../sync/spool-writer.ts';
import { BinlogDecoder } from './change-decoder.ts';
import { mysqlSource } from './source.ts';
import { endOfBinlog, openSession, run } from './test-support/stream.ts';

describe.for(allSeries)('a receiver of the binlog of $series', ({ series, tested }) => {
  test.skipIf(!tested)('has every row once and in order, whatever breaks on either end', async () => {
    await using server = await startMysql({ series });
    const url = `mysql://root@127.0.0.1:${server.port}/`;
    const folder = await mkdtemp(join(tmpdir(), 'teal-receive-'));
    onTestFinished(async () => rm(folder, { recursive: true, force: true }));
    let session = await openSession(url);
    await run(session, ['create database s', 'create table s.t (id int primary key auto_increment, v longtext)']);
    const initial = await endOfBinlog(session);
    /** One process's receiver: gone in the middle of whatever it does when it is aborted. */
    const receive = async (
      until: (reports: readonly ReceiverReport[]) => boolean,
      work: () => Promise<void>,
    ): Promise<void> => {
      await using spool = await SpoolWriter.open({ folder, segmentBytes: 1 << 20 });
      const reports: ReceiverReport[] = [];
      const done = Promise.withResolvers<void>();
      const stop = new AbortController();
      const receiver = new Receiver({
        source: mysqlSource({ url, applicationName: 'teal test receiver', replica: 'teal test receiver' }),
        spool,
        initial,
        spoolLimitBytes: 1 << 28,
        maxRetryPauseMs: 300,
        report: (report) => {
          reports.push(report);
          if (until(reports)) done.resolve();
        },
      });
      const running = receiver.run(stop.signal).catch((error: unknown) => {
        if (!stop.signal.aborted) done.reject(error);
      });
      await work();
      if (until(reports)) done.resolve();
      await done.promise;
      stop.abort();
      await running;
    };
    const insert = async (bytes: number): Promise<void> => {
      await session.query(`insert into s.t (v) values (repeat('x', ${bytes}))`);
    };
    const reached = (reports: readonly ReceiverReport[], position: Position): boolean =>
      reports.some((report) => report.kind === 'progress' && report.received >= position);

    // It dies in the middle of the second transaction.
    await receive(
      (reports) => reports.filter(({ kind }) => kind === 'progress').length > 3,
      async () => {
        await insert(10);
        await session.query('begin');
        for (let count = 0; count < 6; count += 1) await insert(2_000_000);
        await session.query('commit');
      },
    );
    // Then the server does, and comes back.
    let end = initial;
    await receive(
      (reports) => end > initial && reached(reports, end),
      async () => {
        await insert(10);
        await session.close();
        await server.kill9();
        await server.restart();
        session = await openSession(url);
        await insert(10);
        await session.query('flush binary logs');
        await insert(10);
        await insert(10);
        end = await endOfBinlog(session);
      },
    );
    await session.close();

    await using spool = await SpoolWriter.open({ folder });
    const { readable } = spool;
    if (readable === undefined) throw new Error('nothing was received');
    const reader = await SpoolReader.open({
      folder,
      decoder: new BinlogDecoder(),
      readable,
      applied: initial,
      onRemoved: () => undefined,
    });
    await using _ = reader;
    const ids: string[] = [];
    const ends: Position[] = [];
    while (ids.length < 11) {
      for (const event of await reader.next(AbortSignal.timeout(30_000))) {
        if (event.kind === 'insert') ids.push(event.row.latin1(0) ?? '');
        if (event.kind === 'commit') ends.push(event.end);
      }
    }
    expect(ids).toEqual(Array.from({ length: 11 }, (_, at) => String(at + 1)));
    expect(ends).toEqual(ends.toSorted());
    expect(new Set(ends).size).toBe(6);
  });
});
