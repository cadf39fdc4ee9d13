import { sleep } from '../kernel/clock.ts';
import { describeError } from '../kernel/errors.ts';
import type { Side } from '../model/catalog.ts';
import type { Schemas } from '../ports/schemas.ts';

export interface SchemaWatchOptions {
  readonly schemas: Schemas;
  readonly live: () => Side;
  /** Whether rows are copied now: no flow looks at the schemas yet. */
  readonly isCopying: () => boolean;
  /** Told at each change, also when nothing is left. */
  readonly tell: (differences: readonly string[]) => void;
}

const lookEveryMs = 5_000;
const toldAtMost = 20;

/** Tells during the copy what others change in the schema, until it is disposed of. It only tells: what cannot be asked now fails where it is needed. */
export function watchSchemas(options: SchemaWatchOptions): AsyncDisposable {
  const { schemas, live, isCopying, tell } = options;
  const stop = new AbortController();
  let told = '';
  const look = async (): Promise<void> => {
    const differences = isCopying() ? await whatChanged(schemas, live()) : [];
    const text = differences.join('\n');
    if (text !== told && !stop.signal.aborted) tell(differences);
    told = text;
  };
  const watching = (async () => {
    while (!stop.signal.aborted) {
      await look();
      await sleep(lookEveryMs, stop.signal).catch(() => undefined);
    }
  })();
  return {
    async [Symbol.asyncDispose]() {
      stop.abort();
      await watching;
    },
  };
}

async function whatChanged(schemas: Schemas, live: Side): Promise<readonly string[]> {
  try {
    const { unmoved, lacking, surplus } = await schemas.look(live);
    return [...(await schemas.blocked(live)), ...unmoved, ...lacking, ...surplus].slice(0, toldAtMost);
  } catch (error) {
    return [`the schemas cannot be compared now: ${describeError(error)}`];
  }
}
