import { nowMs } from '../../kernel/clock.ts';
import type { Gate } from '../../ports/gate.ts';
import { HeldRange, rangeText, type NumberRange } from '../held-range.ts';
import { askHttp, cannotTell, jsonOf, type HttpQuestion } from '../http-answer.ts';
import { instantValue } from './instant-value.ts';

export interface PrometheusGateOptions {
  readonly id: string;
  /** PromQL. */
  readonly query: string;
  /** Of the server, below which `/api/v1/query` is; anything that speaks its API (Thanos, Mimir, VictoriaMetrics) will do. */
  readonly server: Pick<HttpQuestion, 'url' | 'headers' | 'timeoutMs' | 'ca'>;
  readonly range: NumberRange;
}

/**
 * Yes when an instant query has given one fresh number within the range at every asking for the whole time. Outside it is "not yet", for a metric moves; no
 * number is "cannot tell", never yes.
 */
export function prometheusGate({ id, query, server, range }: PrometheusGateOptions): Gate {
  const held = new HeldRange(range);
  const question = { ...server, ...queryOf(server, query) };
  const during = range.forMs === 0 ? '' : ` for ${range.forMs / 1_000} s`;
  return {
    id,
    asks: `is \`${shortened(query)}\` ${rangeText(range)}${during}?`,
    person: false,
    momentary: true,
    everyMs: 2_000,
    async ask(signal) {
      try {
        return held.judge(instantValue(jsonOf(await askHttp(question, signal)), nowMs()));
      } catch (error) {
        held.lose();
        return cannotTell(error, signal);
      }
    },
  };
}

/** As a form, so that a long query fits; a parameter of the URL that is there (`dedup=true`) stays. */
function queryOf(server: PrometheusGateOptions['server'], query: string): Omit<HttpQuestion, 'timeoutMs'> {
  const url = new URL(server.url);
  url.pathname = `${url.pathname.replace(/\/+$/, '')}/api/v1/query`;
  const headers = { ...server.headers, 'content-type': 'application/x-www-form-urlencoded' };
  return { url: url.href, method: 'POST', headers, body: new URLSearchParams({ query }).toString() };
}

function shortened(query: string): string {
  const line = query.replaceAll(/\s+/g, ' ').trim();
  return line.length <= 200 ? line : `${line.slice(0, 199)}…`;
}
