import { unlikeKeys } from '../model/acting-keys.ts';
import type { Side } from '../model/catalog.ts';
import type { SchemaEyes } from '../ports/schemas.ts';
import type { KeysOfSource } from './system-parts.ts';

/**
 * Eyes that also tell whether the foreign keys that act on the source are those with which the flow began: what another one does is not known at any place of the stream, so the
 * flow waits at a change of the schema until they are as they were. One that was made while the flow was in shadow shows in the look at the whole. `side`: of the source.
 */
export function withKeys(eyes: SchemaEyes, keys: KeysOfSource, side: Side): SchemaEyes {
  const changed = async (): Promise<readonly string[]> => unlikeKeys(await keys.kept(), await keys.now(), side);
  return {
    lacking: async (forms) => [...(await eyes.lacking(forms)), ...(await changed())],
    async look() {
      const look = await eyes.look();
      return { ...look, lacking: [...look.lacking, ...(await changed())] };
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([eyes[Symbol.asyncDispose](), keys[Symbol.asyncDispose]()]);
    },
  };
}
