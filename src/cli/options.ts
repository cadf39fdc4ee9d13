import { InvalidArgumentError } from 'commander';
import { parseDuration, parseSize } from '../spec/units.ts';

/** `10m`, in milliseconds. */
export function duration(text: string): number {
  const ms = parseDuration(text);
  if (ms === undefined || ms === 0) throw new InvalidArgumentError('It is a duration: 30s, 10m, 2h.');
  return ms;
}

/** `256MB`, in bytes. */
export function size(text: string): number {
  const bytes = parseSize(text);
  if (bytes === undefined || bytes === 0) throw new InvalidArgumentError('It is a size: 64MB, 1GiB.');
  return bytes;
}

/** `2`, `2x`, `1.5`: how many times. */
export function times(text: string): number {
  const number = Number(/^(\d{1,3}(?:\.\d{1,3})?)x?$/.exec(text)?.[1]);
  if (!(number >= 0.1 && number <= 100)) throw new InvalidArgumentError('It is a number from 0.1 to 100.');
  return number;
}

/** A whole number from 1. */
export function positive(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('It is a whole number from 1.');
  return Number(text);
}
