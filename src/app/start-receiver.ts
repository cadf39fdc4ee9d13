import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { ReceiverHandle, ReceiverListener } from '../carriers/embedded/worker-ports.ts';
import { sleep } from '../kernel/clock.ts';
import { failureOf, type Failure } from '../sync/receiver.ts';
import { programUrl } from './program.ts';
import type { FromReceiver, ReceiverThreadData, ToReceiver } from './receiver-thread.ts';

/** A stop closes files and the session; a thread that hangs in a system call must not keep the process. */
const stopTimeoutMs = 10_000;

export function startReceiverThread(data: ReceiverThreadData, listener: ReceiverListener): ReceiverHandle {
  const thread = new Worker(programUrl('receiver-thread'), { workerData: data });
  const tell = (message: ToReceiver): void => thread.postMessage(message, []);
  // A thread says why it fails and then ends: its end must not take the place of the reason.
  let isStopped = false;
  let isTold = false;
  const failed = (failure: Failure): void => {
    if (!isTold) listener.failed(failure);
    isTold = true;
  };
  thread.on('message', (message: FromReceiver) => {
    if (message.kind === 'failed') failed(message.failure);
    else listener.report(message);
  });
  thread.on('error', (error) => failed(failureOf(error)));
  thread.on('exit', () => {
    if (!isStopped) failed({ code: 'TEAL-KERNEL-001', reason: 'the receiver thread has ended' });
  });
  // `once` rejects when the thread fails, which the listener above has told.
  const gone = once(thread, 'exit').catch(() => undefined);
  return {
    removed: (bytes) => tell({ kind: 'removed', bytes }),
    applied: (upTo) => tell({ kind: 'applied', upTo }),
    leaveOutReplayed: (upTo) => tell({ kind: 'leave out', upTo }),
    async [Symbol.asyncDispose]() {
      isStopped = true;
      tell({ kind: 'stop' });
      const bound = new AbortController();
      await Promise.race([gone, sleep(stopTimeoutMs, bound.signal)]);
      bound.abort();
      await thread.terminate();
    },
  };
}
