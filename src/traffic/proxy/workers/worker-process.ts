import { fork, type ChildProcess } from 'node:child_process';
import type { Socket } from 'node:net';
import { TealError } from '../../../kernel/errors.ts';
import { blueUrlVariable, greenUrlVariable } from '../config.ts';
import { Line, type Hearing } from './line.ts';
import type { Counts, Room } from './merge.ts';
import type { ParentTalk, WorkerTalk } from './words.ts';

export interface WorkerProcessOptions {
  /** The program: `src/app/proxy-worker-main.ts`. */
  readonly entry: string;
  readonly place: number;
  readonly share: number;
  /** Administrators' addresses, with passwords: given to the process by its environment only. */
  readonly blueUrl: string;
  readonly greenUrl: string;
  readonly hearing: (worker: WorkerProcess) => Hearing<WorkerTalk>;
}

/** A process that serves clients, as its parent sees it. It is started when this is made. */
export class WorkerProcess implements Room {
  readonly place: number;
  readonly share: number;
  /** Resolves with how it ended. */
  readonly ended: Promise<string>;
  readonly line: Line<WorkerTalk, ParentTalk>;
  /** What it had counted when it was last asked. */
  counts: Counts | undefined;
  #load = 0;
  #gone = false;
  readonly #child: ChildProcess;
  readonly #onTheWay = new Set<Socket>();

  constructor(options: WorkerProcessOptions) {
    this.place = options.place;
    this.share = options.share;
    const child = fork(options.entry, [], {
      execArgv: [],
      // What it has to say it says to its parent; on standard error is what the runtime says of a defect.
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      env: { ...process.env, [blueUrlVariable]: options.blueUrl, [greenUrlVariable]: options.greenUrl },
    });
    this.#child = child;
    const hearing = options.hearing(this);
    this.line = new Line<WorkerTalk, ParentTalk>(
      (message, socket, done) => child.send(message as object, socket, done),
      {
        answer: async (words) => hearing.answer(words),
        hear: (words, socket) => {
          if (words.op === 'left') this.#load -= 1;
          else hearing.hear(words, socket);
        },
      },
    );
    child.on('message', (message) => this.line.take(message));
    const ended = Promise.withResolvers<string>();
    this.ended = ended.promise;
    const end = (how: string): void => {
      this.#end(how);
      ended.resolve(how);
    };
    child.once('exit', (code, signal) => end(signal ?? `exit code ${code}`));
    child.on('error', (error) => {
      // Otherwise it was a message that it could not be sent, because it has gone.
      if (child.pid === undefined) end(error.message);
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get gone(): boolean {
    return this.#gone;
  }

  get load(): number {
    return this.#load;
  }

  /** A client's socket becomes the worker's. */
  hand(socket: Socket): void {
    this.#load += 1;
    this.#onTheWay.add(socket);
    this.line.tell({ op: 'client' }, socket, (error) => {
      this.#onTheWay.delete(socket);
      if (error === null) return;
      this.#load -= 1;
      socket.destroy();
    });
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  #end(how: string): void {
    this.#gone = true;
    for (const socket of this.#onTheWay) socket.destroy();
    const { place } = this;
    this.line.close(new TealError('TEAL-TRAFFIC-005', `process ${place} of the proxy has ended (${how})`, { place }));
  }
}
