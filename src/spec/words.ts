import { z } from 'zod';
import { durationPattern, parseDuration } from './units.ts';

/** Values that stand in many places of the file. */

const durationWords = 'a duration such as 500ms, 3s, 10m, 24h';

/** In milliseconds, once it is read. */
export const duration = z
  .string(durationWords)
  .regex(new RegExp(durationPattern), durationWords)
  .transform((given) => parseDuration(given) ?? 0);

const shareWords = 'a share of all, such as 1% or 12.5%';

/** As a fraction of 1, once it is read. More than nothing. */
export const share = z
  .string(shareWords)
  .regex(/^(?:100|\d{1,2}(?:\.\d{1,3})?)%$/, shareWords)
  .transform((given) => Number(given.slice(0, -1)) / 100)
  .refine((given) => given > 0, shareWords);

export const text = z.string().min(1, 'a text that is not empty');
