import { nowMs, within } from '../../kernel/clock.ts';
import { describeError, TealError } from '../../kernel/errors.ts';
import type { Side } from '../../model/catalog.ts';
import type { Served } from '../../model/served.ts';
import type { AskValue } from '../../ports/query.ts';
import type { Vitals } from '../../ports/vitals.ts';
import { ProxyRouter } from '../../traffic/proxy/client.ts';
import { lookAtPostgres, sizesOfPostgres } from '../../systems/postgres/vitals.ts';
import { controlPath } from '../control-path.ts';
import type { LoadedSpec } from '../load-spec.ts';
import { readFlows } from '../read-flows.ts';
import type { Look } from './rates.ts';

/** A server that answers so late is in trouble that others see. */
const patienceMs = 10_000;

type System = LoadedSpec['spec'][Side]['system'];

/** Asks both sides, the flow from the live one, and the proxy. One that does not answer is absent, and told of. */
export function lookAtSystems(
  loaded: LoadedSpec,
  ask: AskValue,
  liveNow: () => Side,
): (sizes: boolean, signal: AbortSignal) => Promise<{ readonly look: Look; readonly trouble?: string }> {
  const { spec } = loaded;
  return async (sizes, signal) => {
    const live = liveNow();
    const troubles: string[] = [];
    const orAbsent = async <T>(what: string, work: () => Promise<T>): Promise<T | undefined> => {
      try {
        return await work();
      } catch (error) {
        signal.throwIfAborted();
        troubles.push(`${what}: ${describeError(error)}`);
        return undefined;
      }
    };
    const ofSide = async (side: Side): Promise<Vitals | undefined> =>
      orAbsent(side, async () => vitalsOf(side, spec[side].system, ask, sizes, signal));
    const [blue, green, flows, clients] = await Promise.all([
      ofSide('blue'),
      ofSide('green'),
      orAbsent('flows', async () => readFlows(loaded)),
      orAbsent('proxy', async () => clientsOf(loaded, live)),
    ]);
    const flow = flows?.find((one) => one.flow === (live === 'blue' ? 'forward' : 'reverse'));
    return {
      look: {
        atMs: nowMs(),
        live,
        sides: { ...(blue === undefined ? {} : { blue }), ...(green === undefined ? {} : { green }) },
        ...(flow === undefined ? {} : { flow }),
        ...(clients === undefined ? {} : { clients }),
      },
      ...(troubles.length === 0 ? {} : { trouble: troubles.join('; ') }),
    };
  };
}

/** Counted where Teal reads what clients say. */
async function clientsOf({ spec, stateDir }: LoadedSpec, live: Side): Promise<Served | undefined> {
  if (spec.traffic.router !== 'proxy') return undefined;
  return (await new ProxyRouter(controlPath(stateDir, 'proxy')).figures())[live];
}

async function vitalsOf(
  side: Side,
  system: System,
  ask: AskValue,
  sizes: boolean,
  signal: AbortSignal,
): Promise<Vitals | undefined> {
  const sql = await questionsFor(system);
  if (sql === undefined) return undefined;
  const late = (): TealError => new TealError('TEAL-KERNEL-002', `${side} does not answer`);
  const told = async (question: string): Promise<Vitals> =>
    vitalsIn(await within(patienceMs, late, async (inTime) => ask(side, question, AbortSignal.any([signal, inTime]))));
  const look = await told(sql.look);
  if (!sizes) return look;
  const more = await told(sql.sizes);
  return {
    counters: look.counters,
    gauges: { ...look.gauges, ...more.gauges },
    limits: { ...look.limits, ...more.limits },
  };
}

/** What of MySQL is loaded where one is watched. */
async function questionsFor(system: System): Promise<{ readonly look: string; readonly sizes: string } | undefined> {
  if (system === 'kafka') return undefined;
  if (system === 'postgres') return { look: lookAtPostgres, sizes: sizesOfPostgres };
  const { lookAtMysql, sizesOfMysql } = await import('../../systems/mysql/vitals.ts');
  return { look: lookAtMysql(system), sizes: sizesOfMysql(system) };
}

/** Of JSON as the servers make it: what is null is not known. MySQL's sums are decimals, and come as they are. */
export function vitalsIn(text: string | null): Vitals {
  const told = JSON.parse(text ?? '{}') as Readonly<Partial<Record<keyof Vitals, Readonly<Record<string, unknown>>>>>;
  const numbers = (part: keyof Vitals): Readonly<Record<string, number>> =>
    Object.fromEntries(
      Object.entries(told[part] ?? {}).flatMap(([name, value]) =>
        value === null || !Number.isFinite(Number(value)) ? [] : [[name, Number(value)]],
      ),
    );
  return { counters: numbers('counters'), gauges: numbers('gauges'), limits: numbers('limits') };
}
