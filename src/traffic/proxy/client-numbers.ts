import { randomInt } from 'node:crypto';

/** A proxy has no more processes than this: their places are told apart by the last six bits of the numbers that they give to clients. */
export const processesAtMost = 64;

/**
 * A number by which a client knows its session, at random from `from` up to, not with, `to`, and not taken. Where the proxy has several processes, of the numbers of the one at `place`
 * alone: what one process gave out no other does.
 */
export function freeNumber(
  from: number,
  to: number,
  place: number | undefined,
  isTaken: (number: number) => boolean,
): number {
  for (;;) {
    const number = place === undefined ? randomInt(from, to) : ofPlace(from, to, place);
    if (!isTaken(number)) return number;
  }
}

/** The place of the process that gave the number out, if one of several did. */
export function placeOf(number: number): number {
  return number % processesAtMost;
}

function ofPlace(from: number, to: number, place: number): number {
  return randomInt(Math.ceil(from / processesAtMost), Math.floor(to / processesAtMost)) * processesAtMost + place;
}
