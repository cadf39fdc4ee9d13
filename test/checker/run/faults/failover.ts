import { execute } from '../../../../tools/servers/with-client.ts';
import { postgresOf, type Injector } from '../world.ts';
import { startStandby } from './standby.ts';

/** No commit that was acknowledged is lost. The slots of the flows are: the standby never had them. */
const failover: Injector = async (world) => {
  const blue = postgresOf(world.servers.blue);
  const standby = await startStandby(blue);
  try {
    await blue.kill9();
    await execute(standby.url, ['select pg_promote()']);
  } catch (error) {
    await standby[Symbol.asyncDispose]();
    throw error;
  }
  world.replace('blue', standby);
  return { what: 'blue failed over to its standby', heal: async () => undefined };
};

export const failoverFaults: Readonly<Record<string, Injector>> = { failover };
