import { otherSide, type Side } from '../model/catalog.ts';
import type { Spec } from '../spec/spec.ts';
import { schemaRegistries, type SchemaRegistries } from '../systems/kafka/registry/registry.ts';

/** Undefined where the file names none. */
export function registriesOf({ blue, green }: Spec): SchemaRegistries | undefined {
  if (blue.schemaRegistry === undefined || green.schemaRegistry === undefined) return undefined;
  return schemaRegistries({ blue: blue.schemaRegistry.url, green: green.schemaRegistry.url });
}

/** Of which schemas records of the live side would mean nothing, or something else, on the other: sentences. Empty where the file names no registries. */
export async function registryRemarks(spec: Spec, live: Side, signal?: AbortSignal): Promise<readonly string[]> {
  const found = await registriesOf(spec)?.differences(live, signal);
  if (found === undefined) return [];
  const other = otherSide(live);
  return [
    ...found.conflicts.map((conflict) => `schema registry of ${other}: ${conflict}`),
    ...found.missing.map(
      ({ subject, version, id }) => `schema registry of ${other} lacks ${subject} version ${version} (id ${id})`,
    ),
  ];
}
