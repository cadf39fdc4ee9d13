import { rm } from 'node:fs/promises';
import { unreachable } from '../../kernel/assert.ts';
import { isTealError } from '../../kernel/errors.ts';
import { askWorker } from './control-client.ts';
import { startControlServer } from './control-server.ts';
import { pathsOfFolder, writeAtomically, writeConfig, type CarrierConfig } from './config.ts';
import { FlowRunner } from './flow-runner.ts';
import type { CarrierRequest } from './protocol.ts';
import type { CarrierDeps } from './worker-ports.ts';

const lookForOtherMs = 2_000;

/**
 * The whole life of a worker: one flow, one control socket. It ends when the signal aborts or when it is retired; a flow that fails stays and answers.
 * Resolves at once when another worker answers at this folder's socket.
 */
export async function runCarrierWorker(config: CarrierConfig, deps: CarrierDeps, signal: AbortSignal): Promise<void> {
  const paths = pathsOfFolder(config.folder);
  if (await answers(paths.socket)) return;
  const retired = Promise.withResolvers<void>();
  const stop = new AbortController();
  const runner = new FlowRunner(config, deps);
  const answer = async (request: CarrierRequest): Promise<unknown> => {
    switch (request.method) {
      case 'status':
        return runner.status();
      case 'stopAt':
        return runner.stopAt(request.position, request.leaseMs);
      case 'catchUp':
        return runner.caughtUp();
      case 'resume':
        return runner.resume();
      case 'begin':
        await writeConfig(paths.config, { ...config, receiveOnly: false });
        return runner.begin();
      case 'retry':
        return runner.retry();
      case 'retire':
        stop.abort();
        return retired.promise;
      default:
        return unreachable(request, 'request');
    }
  };
  await using _server = await startControlServer(paths.socket, answer);
  await writeAtomically(paths.pid, String(process.pid));
  try {
    await runner.run(AbortSignal.any([signal, stop.signal]));
    if (stop.signal.aborted) await rm(paths.spool, { recursive: true, force: true });
    await rm(paths.pid, { force: true });
    retired.resolve();
  } catch (error) {
    retired.reject(error);
    throw error;
  } finally {
    await deps.probe[Symbol.asyncDispose]();
    await deps.eyes[Symbol.asyncDispose]();
  }
}

/** Another worker, which may be slow but is there, counts as one that answers. */
async function answers(socketFile: string): Promise<boolean> {
  try {
    await askWorker(socketFile, { method: 'status' }, { timeoutMs: lookForOtherMs });
    return true;
  } catch (error) {
    return !isTealError(error, 'TEAL-CARRIERS-001');
  }
}
