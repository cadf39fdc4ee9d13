import type { Side } from '../../../model/catalog.ts';

/** The tenants that one side has in `teal.lent`, or why it could not be asked. */
export type LentRows =
  | { readonly reached: true; readonly session: string; readonly tenants: readonly string[] }
  | { readonly reached: false; readonly reason: string };

export type TenantPlace =
  | { readonly side: Side }
  /** Neither side takes their rows, or it cannot be told. */
  | { readonly wait: string };

/** Where the rows of tenants are taken (ports/tenants.ts): blue's rows say that it refuses them, green's that it takes them. */
export function placeOf(blue: LentRows, green: LentRows): TenantPlace {
  if (!blue.reached) return { wait: `blue cannot be reached (${blue.reason})` };
  if (blue.tenants.length === 0) return { side: 'blue' };
  if (!green.reached) return { wait: `green cannot be reached (${green.reason})` };
  if (green.tenants.length === 0) return { wait: 'blue and green both refuse the rows of the tenants' };
  return { side: 'green' };
}
