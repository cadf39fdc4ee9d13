import type { FlowStatus } from '../ports/carrier.ts';
import { connectCarrier } from './connect-carrier.ts';
import type { LoadedSpec } from './load-spec.ts';

/** What the flows say of themselves, when their workers run on this machine and answer; no system is asked, unless Kafka Connect carries. */
export async function readFlows({ spec, stateDir }: LoadedSpec): Promise<readonly FlowStatus[]> {
  const urls = { blue: spec.blue.url, green: spec.green.url };
  const { connect, tables } = spec;
  const carrier = connectCarrier({
    migration: spec.name,
    stateDir,
    urls,
    tables,
    systems: { blue: spec.blue.system, green: spec.green.system },
    ...(connect === undefined ? {} : { connect }),
  });
  const asked = await Promise.allSettled([carrier.status('forward'), carrier.status('reverse')]);
  return asked
    .flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []))
    .filter(({ now }) => now.state !== 'failed' || now.code !== 'TEAL-CARRIERS-001');
}
