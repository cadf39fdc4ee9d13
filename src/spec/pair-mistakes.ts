import { z } from 'zod';
import { familyOf, noProxyBetween } from './families.ts';
import type { Mistake } from './mistakes.ts';
import type { Places } from './places.ts';

const side = z.object({ system: z.enum(['postgres', 'mysql', 'mariadb']).default('postgres') });

/** As much of the document as this needs, so that it is looked at also in a document that has mistakes elsewhere. */
const pair = z.object({
  blue: side,
  green: side,
  traffic: z
    .object({
      router: z.unknown().optional(),
      clientAuth: z.unknown().optional(),
      authFile: z.unknown().optional(),
    })
    .catch({})
    .default({}),
  follow: z.object({ method: z.unknown().optional() }).catch({}).default({}),
});

/** What of `traffic` and `follow` cannot be had between these two systems, though each alone would have it. */
export function mistakesOfPair(plain: unknown, places: Places): readonly Mistake[] {
  const parsed = pair.safeParse(plain);
  // A side is missing or unknown: the schema says so.
  if (!parsed.success) return [];
  const { blue, green, traffic, follow } = parsed.data;
  return [...mistakesOfTraffic({ blue, green, traffic }, places), ...mistakesOfFollow({ blue, follow }, places)];
}

type PairOfDocument = z.infer<typeof pair>;

function mistakesOfFollow(
  { blue, follow }: Pick<PairOfDocument, 'blue' | 'follow'>,
  places: Places,
): readonly Mistake[] {
  if (follow.method !== 'triggers' || familyOf(blue.system) === 'postgres') return [];
  const message = 'expected log: triggers are of PostgreSQL';
  return [{ ...places.ofValue(['follow', 'method']), path: 'follow.method', message }];
}

function mistakesOfTraffic(
  { blue, green, traffic }: Pick<PairOfDocument, 'blue' | 'green' | 'traffic'>,
  places: Places,
): readonly Mistake[] {
  const at = (word: keyof typeof traffic, message: string): readonly Mistake[] => [
    { ...places.ofValue(['traffic', word]), path: `traffic.${word}`, message },
  ];
  const family = familyOf(blue.system);
  if (family !== familyOf(green.system)) {
    if (traffic.router !== 'proxy') return [];
    return at('router', `expected none: ${noProxyBetween(blue.system, green.system)}`);
  }
  if (family === 'postgres') {
    return traffic.clientAuth === 'password'
      ? at('clientAuth', 'expected scram: `password` is of MySQL and MariaDB')
      : [];
  }
  return [
    ...(traffic.clientAuth === 'scram' ? at('clientAuth', 'expected password: `scram` is of PostgreSQL') : []),
    ...(traffic.authFile === undefined
      ? []
      : at('authFile', 'expected nothing: accounts of MySQL and MariaDB are read from mysql.user')),
  ];
}
