import { kernelCodes } from './kernel.ts';
import { modelCodes } from './model.ts';
import { wireCodes } from './wire.ts';
import { specCodes } from './spec.ts';
import { planCodes } from './plan.ts';
import { journalCodes } from './journal.ts';
import { engineCodes } from './engine.ts';
import { syncCodes } from './sync.ts';
import { verifyCodes } from './verify.ts';
import { stagesCodes } from './stages.ts';
import { systemsCodes } from './systems.ts';
import { carriersCodes } from './carriers.ts';
import { trafficCodes } from './traffic.ts';
import { gatesCodes } from './gates.ts';
import { serverCodes } from './server.ts';
import { dualWriteCodes } from './dual-write.ts';
import { outboxCodes } from './outbox.ts';
import { appCodes } from './app.ts';
import { cliCodes } from './cli.ts';
import { toolsCodes } from './tools.ts';
import type { ErrorEntry } from './entry.ts';

/** The closed registry of every error that Teal can raise, one file a room. `docs/reference/errors.md` is generated from it. */
export const errorRegistry = Object.freeze({
  ...kernelCodes,
  ...modelCodes,
  ...wireCodes,
  ...specCodes,
  ...planCodes,
  ...journalCodes,
  ...engineCodes,
  ...syncCodes,
  ...verifyCodes,
  ...stagesCodes,
  ...systemsCodes,
  ...carriersCodes,
  ...trafficCodes,
  ...gatesCodes,
  ...serverCodes,
  ...outboxCodes,
  ...dualWriteCodes,
  ...appCodes,
  ...cliCodes,
  ...toolsCodes,
}) satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof errorRegistry;
