import { z } from 'zod';
import { TealError } from '../../kernel/errors.ts';

const sample = z.tuple([z.number(), z.string()]);

/** https://prometheus.io/docs/prometheus/latest/querying/api/#instant-queries */
const answer = z.discriminatedUnion('status', [
  z.object({
    status: z.literal('success'),
    data: z.discriminatedUnion('resultType', [
      z.object({ resultType: z.literal('scalar'), result: sample }),
      z.object({ resultType: z.literal('vector'), result: z.array(z.object({ value: sample.optional() })) }),
      z.object({ resultType: z.enum(['matrix', 'string', 'streams']) }),
    ]),
    warnings: z.array(z.string()).optional(),
  }),
  z.object({ status: z.literal('error'), errorType: z.string(), error: z.string() }),
]);

/** An evaluation that lies further back, or ahead, came out of a cache, or one of the two clocks is wrong. */
const oldestMs = 60_000;

/**
 * The one number of an answer to an instant query. TEAL-GATES-002 where there is none, or more than one, or where part of the data was not there to be asked
 * (`warnings`: a store behind Thanos or Mimir that did not answer). `atMs`: now, since 1970.
 */
export function instantValue(document: unknown, atMs: number): number {
  const parsed = answer.safeParse(document);
  if (!parsed.success) throw noValue('this is no answer of Prometheus');
  if (parsed.data.status === 'error') throw noValue(`${parsed.data.errorType}: ${parsed.data.error.slice(0, 300)}`);
  const { data, warnings = [] } = parsed.data;
  if (warnings.length > 0) throw noValue(`it warns: ${warnings.join('; ').slice(0, 300)}`);
  const [timeS, text] = onlySample(data);
  if (Math.abs(timeS * 1_000 - atMs) > oldestMs)
    throw noValue(`the value is of ${new Date(timeS * 1_000).toISOString()}`);
  const value = numberOf(text);
  if (!Number.isFinite(value)) throw noValue(`the value is ${Number.isNaN(value) ? 'NaN' : text}`);
  return value;
}

type Data = Extract<z.infer<typeof answer>, { status: 'success' }>['data'];

function onlySample(data: Data): readonly [number, string] {
  if (data.resultType === 'scalar') return data.result;
  if (data.resultType !== 'vector') throw noValue(`the query gives a ${data.resultType}, not a number`);
  const [first, second] = data.result;
  if (first === undefined) throw noValue('the query gives nothing: no series has it, or it is stale');
  if (second !== undefined) throw noValue(`the query gives ${data.result.length} series: which of them counts?`);
  if (first.value === undefined) throw noValue('the query gives a histogram, not a number');
  return first.value;
}

/** As Prometheus writes numbers: NaN, +Inf, -Inf, or a decimal. */
function numberOf(text: string): number {
  if (/^[+-]Inf$/.test(text)) return text.startsWith('-') ? -Infinity : Infinity;
  return text.trim() === '' ? Number.NaN : Number(text);
}

function noValue(why: string): TealError {
  return new TealError('TEAL-GATES-002', why);
}
