/** At most so many partitions has the topic of a map, whatever it maps. */
export const mostMapPartitions = 16;

/** The topic of a map says each block many times over, and is read whole by whoever begins: it is compacted early. */
export const mapConfigs = {
  'cleanup.policy': 'compact',
  'segment.bytes': String(16 * 2 ** 20),
  'min.cleanable.dirty.ratio': '0.1',
  'max.message.bytes': String(2 ** 20),
};
