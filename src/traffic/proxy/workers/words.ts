import type { Side } from '../../../model/catalog.ts';
import type { HoldRequest } from '../../../ports/router.ts';
import type { ProxyConfig } from '../config.ts';
import type { CanaryWords, CaptureWords, DirectingWords, ShadowWords } from '../control-words.ts';
import type { Talk } from './line.ts';

/** Somebody gave a wrong password to another process. */
interface FailureWords {
  readonly op: 'failure';
  readonly user: string;
  readonly address: string;
}

/** What processes ask of each other; by the parent, which knows from the number whose client it is. */
export type PeerWords =
  /** `secret` in hexadecimal digits. */
  | { readonly op: 'cancel'; readonly number: number; readonly secret: string }
  /** Answered with a number or null. */
  | { readonly op: 'backend'; readonly number: number; readonly side: Side; readonly isKilled: boolean };

/** What a worker is asked first: answered with `Begun` when it can serve. Its `maxClients` is the worker's share. */
export interface BeginWords {
  readonly op: 'begin';
  readonly config: ProxyConfig;
  readonly place: number;
  readonly count: number;
}

export interface Begun {
  readonly side: Side;
}

/** What the parent says to a worker. */
export interface ParentTalk extends Talk {
  readonly asks:
    | BeginWords
    | PeerWords
    | ShadowWords
    | CanaryWords
    | CaptureWords
    | ({ readonly op: 'shut' } & HoldRequest)
    | Exclude<DirectingWords, { readonly op: 'hold' }>;
  readonly tells:
    | FailureWords
    /** With the socket of a client; without one where the client has gone on the way. */
    | { readonly op: 'client' }
    | { readonly op: 'stop'; readonly graceMs: number };
}

/** What a worker says to its parent. */
export interface WorkerTalk extends Talk {
  readonly asks: PeerWords;
  readonly tells:
    | FailureWords
    /** A connection that it was handed has ended. */
    | { readonly op: 'left' }
    | { readonly op: 'log'; readonly event: string; readonly facts: Readonly<Record<string, unknown>> };
}
