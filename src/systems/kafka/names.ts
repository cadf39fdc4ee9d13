/** What Teal keeps of a migration on each cluster. Both sides have a control topic; the map of an epoch lies on the side that does not own the data in it. */
export function controlTopicOf(migration: string): string {
  return `teal.${migration}.control`;
}

/** `epoch`: of the owner whose records it maps; 0 until the first cut. */
export function mapTopicOf(migration: string, epoch: number): string {
  return `${mapTopicPrefixOf(migration)}${epoch}`;
}

export function mapTopicPrefixOf(migration: string): string {
  return `teal.${migration}.map.`;
}

/** Teal's topics are never moved, of whichever migration. */
export function isOwnTopic(name: string): boolean {
  return /^teal\..+\.(control|map\.\d+)$/.test(name) || isOfMirrorMaker(name);
}

/** What MirrorMaker's connectors are to call blue in an attempt: their own topics have names that begin with it, or hold it. `run`: eight hexadecimal digits. */
export function mirrorMakerAlias(migration: string, run: string): string {
  return `teal.${migration}.mm2-${run}`;
}

function isOfMirrorMaker(name: string): boolean {
  return /^(mm2-offset-syncs\.)?teal\..+\.mm2-[0-9a-f]{8}\./.test(name);
}

/** Who writes into one partition of the target: the same in every epoch of a direction, so that whoever begins fences who was there before. */
export function mirrorIdOf(migration: string, flow: string, topic: string, partition: number): string {
  return `teal.${migration}.${flow}.${topic}.${partition}`;
}

export function controlIdOf(migration: string, writer: string): string {
  return `teal.${migration}.control.${writer}`;
}
