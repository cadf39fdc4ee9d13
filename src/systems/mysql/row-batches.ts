import type { Connection } from 'mysql2';

/** As the server sent it, one cell a column. */
export type RawRow = readonly (Buffer | null)[];

/** What is gathered before the socket rests: a turn of the event loop for each row would cost more than the row does. */
const mostRows = 512;
const mostBytes = 256 << 10;

/**
 * The rows of one answer, as many at a time as have come; while nobody takes them the socket rests, so that not more is in memory than two batches and one row beyond. Throws the
 * driver's error, or the reason of `ended` when the session ends: a driver whose socket was destroyed tells nobody.
 */
export async function* rowBatches(
  client: Connection,
  query: { readonly sql: string; readonly values: readonly unknown[] },
  ended: AbortSignal,
): AsyncGenerator<readonly RawRow[], void, void> {
  let gathered: RawRow[] = [];
  let bytes = 0;
  let isResting = false;
  let end: { readonly error?: unknown } | undefined;
  let wake: (() => void) | undefined;
  const rouse = (): void => {
    wake?.();
    wake = undefined;
  };
  const onEnded = (): void => {
    end ??= { error: ended.reason };
    rouse();
  };
  const onResult = (row: RawRow): void => {
    gathered.push(row);
    for (const cell of row) bytes += cell?.length ?? 0;
    if (gathered.length >= mostRows || bytes >= mostBytes) {
      isResting = true;
      client.pause();
    }
    rouse();
  };
  const command = client.query({ sql: query.sql, values: [...query.values], rowsAsArray: true });
  command.on('result', onResult);
  command.on('error', (error) => {
    end ??= { error };
    rouse();
  });
  command.on('end', () => {
    end ??= {};
    rouse();
  });
  ended.addEventListener('abort', onEnded, { once: true });
  try {
    for (;;) {
      if (gathered.length > 0) {
        const batch = gathered;
        gathered = [];
        bytes = 0;
        if (isResting) {
          isResting = false;
          client.resume();
        }
        yield batch;
      } else if (end === undefined) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      } else if ('error' in end) {
        throw end.error;
      } else {
        return;
      }
    }
  } finally {
    ended.removeEventListener('abort', onEnded);
    // Of one that was left in its middle the rest is dropped as it comes.
    command.off('result', onResult);
    if (isResting) client.resume();
  }
}
