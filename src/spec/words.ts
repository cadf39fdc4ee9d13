import { z } from 'zod';
import { durationPattern, parseDuration } from './units.ts';

/** Values that stand in many places of the file. */

const durationWords = 'a duration such as 500ms, 3s, 10m, 24h';

/** In milliseconds, once it is read. */
export const duration = z
  .string(durationWords)
  .regex(new RegExp(durationPattern), durationWords)
  .transform((given) => parseDuration(given) ?? 0);

export const text = z.string().min(1, 'a text that is not empty');
