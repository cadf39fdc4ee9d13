import type { Side } from '../model/catalog.ts';
import type { Served } from '../model/served.ts';
import type { CanaryReads } from '../ports/canary.ts';
import type { Router } from '../ports/router.ts';
import type { ShadowReads } from '../ports/shadow.ts';
import type { TenantSessions } from '../stages/canary/tenant-move.ts';
import type { Pair } from './pair.ts';

/** A router, and how it is ended when nobody needs it any more. */
export interface ConnectedRouter {
  readonly router: Router;
  /** Where reads of clients can be compared. */
  readonly shadow?: ShadowReads;
  /** Where what clients meet is counted, by side. */
  readonly figures?: () => Promise<Readonly<Record<Side, Served>>>;
  /** Where green can answer reads of clients. */
  readonly canary?: CanaryReads;
  /** The same for the producers of these topics alone, by fences that are about them. Absent: clients are led all together. */
  readonly ofTopics?: (topics: readonly string[], pair: Pick<Pair, 'fences'>) => Router;
  /** Where sessions of tenants can go elsewhere than the others. */
  readonly tenants?: TenantSessions;
  stop(): Promise<void>;
  /** It runs on, and is not started again should it die. */
  leave(): Promise<void>;
  /** This process is done with it; nothing changes for its clients. */
  close(): Promise<void>;
}
