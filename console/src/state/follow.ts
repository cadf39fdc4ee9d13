import { EventParser, type ServerEvent } from '../pure/event-parser.ts';
import { deadAfterMs } from '../pure/freshness.ts';
import { open } from './http.ts';

export interface Following {
  /** Of the stream. */
  readonly path: string;
  readonly token: string | undefined;
  /** The record that was heard last: the stream goes on after it. */
  readonly after: number;
  readonly signal: AbortSignal;
  /** Called with every piece, also one that only shows that the other side is there. */
  readonly onPiece: (events: readonly ServerEvent[]) => void;
}

/** Follows the stream of events until it ends, is silent for too long, or the signal is aborted. `EventSource` cannot send a token: this can. */
export async function followEvents({ path, token, after, signal, onPiece }: Following): Promise<void> {
  const silent = new AbortController();
  let watchdog: number | undefined;
  const heard = (): void => {
    clearTimeout(watchdog);
    watchdog = window.setTimeout(() => silent.abort(new Error('the stream was silent')), deadAfterMs);
  };
  const either = AbortSignal.any([signal, silent.signal]);
  try {
    heard();
    const headers = { 'last-event-id': String(after), accept: 'text/event-stream' };
    const answer = await open(path, { token, signal: either, headers });
    const parser = new EventParser();
    const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const piece = await reader?.read();
      if (piece === undefined || piece.done) return;
      heard();
      onPiece(parser.push(piece.value));
    }
  } finally {
    clearTimeout(watchdog);
    silent.abort(new Error('the stream has ended'));
  }
}
