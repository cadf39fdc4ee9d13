import type { Aggregate, OutboxEvent } from '../ports/outbox.ts';

/** A text that no other aggregate has. */
export function aggregateKey({ aggregateType, aggregateId }: Aggregate): string {
  return `${aggregateType.length}:${aggregateType}${aggregateId}`;
}

/** Events spread over at most so many lanes: all of an aggregate are in one, in their order. Lanes that get none are left out. */
export function lanesOf(events: readonly OutboxEvent[], most: number): readonly (readonly OutboxEvent[])[] {
  const lanes: OutboxEvent[][] = [];
  const laneOf = new Map<string, OutboxEvent[]>();
  for (const event of events) {
    const key = aggregateKey(event);
    let lane = laneOf.get(key);
    if (lane === undefined) {
      // A new aggregate goes where the least waits.
      lane = lanes.length < most ? [] : lanes.reduce((least, each) => (each.length < least.length ? each : least));
      if (!lanes.includes(lane)) lanes.push(lane);
      laneOf.set(key, lane);
    }
    lane.push(event);
  }
  return lanes;
}

/** The aggregates of events, each once. */
export function aggregatesOf(events: readonly OutboxEvent[]): readonly Aggregate[] {
  const byKey = new Map(
    events.map(({ aggregateType, aggregateId }) => {
      const aggregate = { aggregateType, aggregateId };
      return [aggregateKey(aggregate), aggregate];
    }),
  );
  return [...byKey.values()];
}
