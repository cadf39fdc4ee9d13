import { nowMs } from '../../kernel/clock.ts';
import { TealError } from '../../kernel/errors.ts';
import type { Gate } from '../../ports/gate.ts';
import { HeldRange, rangeText, type NumberRange } from '../held-range.ts';
import { askHttp, cannotTell, jsonOf, type HttpQuestion } from '../http-answer.ts';
import { monitorAnswer, newestPoint } from './datadog-answer.ts';

export interface DatadogServer {
  /** Of the API, which depends on the site: https://api.datadoghq.com, https://api.datadoghq.eu … */
  readonly url: string;
  readonly apiKey: string;
  readonly applicationKey: string;
  readonly timeoutMs: number;
  readonly ca?: string;
}

export type DatadogQuestion = { readonly query: string; readonly range: NumberRange } | { readonly monitor: number };

/** What of a metric is looked at. */
const lookBackMs = 10 * 60_000;

/** Yes when the newest point of a metric has been within a range at every asking for the whole time, or when a monitor is OK. */
export function datadogGate(id: string, question: DatadogQuestion, server: DatadogServer): Gate {
  const common = {
    id,
    person: false,
    momentary: true,
    // Its limit of queries is counted by the hour, for the whole organisation.
    everyMs: 10_000,
  } as const;
  if ('monitor' in question) {
    return {
      ...common,
      asks: `is monitor ${question.monitor} of Datadog OK?`,
      async ask(signal) {
        try {
          return monitorAnswer(await answerOf(server, `monitor/${question.monitor}`, {}, signal));
        } catch (error) {
          return cannotTell(error, signal);
        }
      },
    };
  }
  const { query, range } = question;
  const held = new HeldRange(range);
  const during = range.forMs === 0 ? '' : ` for ${range.forMs / 1_000} s`;
  return {
    ...common,
    asks: `is \`${query.replaceAll(/\s+/g, ' ').slice(0, 200)}\` of Datadog ${rangeText(range)}${during}?`,
    async ask(signal) {
      try {
        const [fromMs, toMs] = [nowMs() - lookBackMs, nowMs()];
        const seconds = (ms: number): string => String(Math.floor(ms / 1_000));
        const parameters = { from: seconds(fromMs), to: seconds(toMs), query };
        return held.judge(newestPoint(await answerOf(server, 'query', parameters, signal), toMs));
      } catch (error) {
        held.lose();
        return cannotTell(error, signal);
      }
    },
  };
}

/** TEAL-GATES-002 for another status than 200: keys that are wrong (403), too many questions (429), no such monitor (404). */
async function answerOf(
  server: DatadogServer,
  path: string,
  parameters: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<unknown> {
  const { url, apiKey, applicationKey, timeoutMs, ca } = server;
  const at = new URL(`${url.replace(/\/+$/, '')}/api/v1/${path}`);
  for (const [name, value] of Object.entries(parameters)) at.searchParams.set(name, value);
  const question: HttpQuestion = {
    url: at.href,
    method: 'GET',
    headers: { 'dd-api-key': apiKey, 'dd-application-key': applicationKey },
    timeoutMs,
    ...(ca === undefined ? {} : { ca }),
  };
  const answer = await askHttp(question, signal);
  if (answer.status !== 200)
    throw new TealError('TEAL-GATES-002', `${at.host} answers with status ${answer.status}`, { status: answer.status });
  return jsonOf(answer);
}
