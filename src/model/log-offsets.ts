/** Of each topic one offset a partition, in the order of the partitions. */
export type LogOffsets = Readonly<Record<string, readonly string[]>>;

/** `orders 12 30 7, payments 4`. No name of a topic has a comma or a space in it. */
export function offsetsText(offsets: LogOffsets): string {
  return Object.entries(offsets)
    .map(([topic, each]) => [topic, ...each].join(' '))
    .toSorted()
    .join(', ');
}

/** The same where it fits into `most` characters, else how many there are. */
export function offsetsInShort(offsets: LogOffsets, most: number): string {
  const text = offsetsText(offsets);
  if (text.length <= most) return text;
  const topics = Object.values(offsets);
  return `${topics.flat().length} partitions of ${topics.length} topics: the certificate has their offsets`;
}

const inShort = /^(\d+) partitions of \d+ topics:/;
const ofTopic = /^[\w.-]+(?: \d+)*$/;

/** How many partitions each topic of `offsetsText` has; undefined for any other text. */
export function readPartitions(text: string): ReadonlyMap<string, number> | undefined {
  if (text === '') return new Map();
  const topics = text.split(', ');
  if (!topics.every((topic) => ofTopic.test(topic))) return undefined;
  return new Map(
    topics.map((topic) => {
      const [name = '', ...each] = topic.split(' ');
      return [name, each.length];
    }),
  );
}

/** How many partitions either of the two texts is about; undefined for any other. */
export function countPartitions(text: string): number | undefined {
  const told = inShort.exec(text)?.[1];
  if (told !== undefined) return Number(told);
  const topics = readPartitions(text);
  return topics === undefined ? undefined : [...topics.values()].reduce((sum, count) => sum + count, 0);
}
