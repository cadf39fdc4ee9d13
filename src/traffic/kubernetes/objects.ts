import { z } from 'zod';
import { TealError } from '../../kernel/errors.ts';

/** Of every object; what else there is stays unread. */
export const metadata = z.object({
  name: z.string(),
  resourceVersion: z.string(),
  labels: z.record(z.string(), z.string()).optional(),
  managedFields: z.array(z.object({ manager: z.string().optional() })).optional(),
});

/** TEAL-TRAFFIC-060 for an answer that is nothing of the kind. */
export function must<T>(shape: z.ZodType<T>, answer: unknown, path: string): T {
  const parsed = shape.safeParse(answer);
  if (parsed.success) return parsed.data;
  const at = parsed.error.issues[0]?.path.join('.') ?? '';
  throw new TealError('TEAL-TRAFFIC-060', `GET ${path}: its answer is none (${at})`);
}
