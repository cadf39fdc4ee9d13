import { createServer } from 'node:net';
import { clientSocket, listenAt } from '../front-door.ts';
import { identifiedTargets } from '../identity.ts';
import { serve, type ProxyOptions, type RunningProxy } from '../serve.ts';
import { WorkerPool } from './pool.ts';

export interface WorkersOptions extends ProxyOptions {
  /** The program of a worker: `src/app/proxy-worker-main.ts`. */
  readonly workerEntry: string;
}

/** Starts a proxy whose clients are served by `count` processes. This one listens, hands each client over, and answers on the control socket for all. */
export async function startWorkers(options: WorkersOptions, count: number): Promise<RunningProxy> {
  const { config, log } = options;
  const targets = identifiedTargets(options);
  const pool = new WorkerPool({ ...options, count });
  // Nothing is read of a client here: it is the worker's from its first byte.
  const server = createServer({ ...clientSocket, pauseOnConnect: true }, (socket) => {
    socket.on('error', () => socket.destroy());
    pool.hand(socket);
  });
  const reception = {
    listen: async () => listenAt(server, config.listen, log),
    stop: () => {
      if (server.listening) server.close();
    },
  };
  return serve(options, {
    hub: pool,
    shadow: pool.shadow,
    canary: pool.canary,
    capture: pool.capture,
    targets,
    reception,
    workers: () => pool.workers,
    lost: pool.lost,
  });
}
