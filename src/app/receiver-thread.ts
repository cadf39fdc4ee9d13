import { parentPort, workerData } from 'node:worker_threads';
import { must } from '../kernel/assert.ts';
import type { Position } from '../model/position.ts';
import { isOwnOrigin } from '../sync/control.ts';
import { Receiver, failureOf, type Failure, type ReceiverReport } from '../sync/receiver.ts';
import { SpoolWriter, segmentBytesFor } from '../sync/spool-writer.ts';
import { openSource, type SourceDescription } from './receiver-source.ts';

/** What the thread is given. The address is in memory only: threads share the process. */
export interface ReceiverThreadData {
  readonly url: string;
  readonly migration: string;
  readonly stream: string;
  readonly source: SourceDescription;
  readonly spoolFolder: string;
  readonly spoolLimitBytes: number;
  readonly initial: Position;
  readonly acknowledges: 'received' | 'applied';
}

export type ToReceiver =
  | { readonly kind: 'removed'; readonly bytes: number }
  | { readonly kind: 'applied'; readonly upTo: Position }
  | { readonly kind: 'leave out'; readonly upTo: Position | undefined }
  | { readonly kind: 'stop' };
export type FromReceiver = ReceiverReport | { readonly kind: 'failed'; readonly failure: Failure };

/**
 * The receiver of a flow on a thread of its own: neither a long decoding nor a garbage collection of the applier can keep it from answering the source within
 * wal_sender_timeout (correctness.md §2.1).
 */
const port = must(parentPort, 'the parent of a receiver thread');
const data = workerData as ReceiverThreadData;
const tell = (message: FromReceiver): void =>
  port.postMessage(message, message.kind === 'piece' ? [message.piece.bytes.buffer] : []);
const stop = new AbortController();

try {
  await using spool = await SpoolWriter.open({
    folder: data.spoolFolder,
    segmentBytes: segmentBytesFor(data.spoolLimitBytes),
  });
  const { url, migration, stream } = data;
  const receiver = new Receiver({
    source: await openSource(data.source, { url, stream, isOwn: (origin) => isOwnOrigin(origin, migration) }),
    spool,
    initial: data.initial,
    acknowledges: data.acknowledges,
    spoolLimitBytes: data.spoolLimitBytes,
    report: tell,
  });
  port.on('message', (message: ToReceiver) => {
    if (message.kind === 'stop') stop.abort();
    else if (message.kind === 'removed') receiver.removed(message.bytes);
    else if (message.kind === 'applied') receiver.applied(message.upTo);
    else receiver.leaveOutReplayed(message.upTo);
  });
  await receiver.run(stop.signal);
} catch (error) {
  if (!stop.signal.aborted) tell({ kind: 'failed', failure: failureOf(error) });
} finally {
  port.close();
}
