import type { Injector } from '../world.ts';
import { diskFaults } from './disks.ts';
import { failoverFaults } from './failover.ts';
import { networkFaults } from './network.ts';
import { peopleFaults } from './people.ts';
import { processFaults } from './processes.ts';
import { stragglerFaults } from './straggler.ts';
import { serverFaults } from './servers.ts';
import { smallDiskFaults } from './small-disk.ts';
import { slotFaults } from './slots.ts';

/** By the name of the kind of fault. Those that need the controller's own failpoints are in `inject.ts`. */
export const injectors: Readonly<Record<string, Injector>> = {
  ...networkFaults,
  ...serverFaults,
  ...slotFaults,
  ...failoverFaults,
  ...smallDiskFaults,
  ...peopleFaults,
  ...diskFaults,
  ...processFaults,
  ...stragglerFaults,
};
