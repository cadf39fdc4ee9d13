/**
 * An ordered place in a source's log, opaque to all rooms but the system that made it. Positions of one source compare as text
 * (a system pads its numbers), so that ordering needs no knowledge of the system.
 */
export type Position = string & { readonly __position: unique symbol };

export function asPosition(text: string): Position {
  return text as Position;
}

export function positionAtLeast(a: Position, b: Position): boolean {
  return a >= b;
}
