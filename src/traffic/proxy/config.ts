import { availableParallelism } from 'node:os';
import { z } from 'zod';
import { TealError } from '../../kernel/errors.ts';
import { processesAtMost } from './client-numbers.ts';

/** The proxy's configuration file. It holds no secret: the addresses of both sides, with passwords, come by the environment. */
const schema = z.strictObject({
  /** Of which migration it is: a controller takes no other's proxy for its own. */
  migration: z.string().min(1),
  listen: z.strictObject({ host: z.string().min(1), port: z.int().min(0).max(65_535) }),
  /** PEM files. Without them clients that ask for TLS are told that there is none. */
  tls: z.strictObject({ certificateFile: z.string(), keyFile: z.string() }).optional(),
  /**
   * `verifier`: a client proves that it knows the password stored for its role on the live side. `trust`: nobody is asked, and the backend must
   * trust the proxy; for loopback only.
   */
  clientAuth: z.enum(['verifier', 'trust']).default('verifier'),
  /** Where the verifiers are kept when the administrator may not read pg_authid; see `AuthFile`. Default: they are read from the live side. */
  authFile: z.string().min(1).optional(),
  /** What becomes of a session whose state cannot cross: the cut is given up, or the session is closed between two transactions. */
  pinned: z.enum(['abort', 'close']).default('abort'),
  controlPath: z.string().max(100),
  maxClients: z.int().min(1).default(1_000),
  /** That serve clients; `auto`: one fewer than this machine has cores. Default: 1. */
  processes: z.union([z.int().min(1).max(processesAtMost), z.literal('auto')]).optional(),
  connectTimeoutMs: z.int().min(1).default(10_000),
  /** How long sessions may be made ready for a cut before clients are held; the controller waits a little longer for the answer. */
  warmLimitMs: z.int().min(1).max(10_000).default(10_000),
  /** How long a statement that met the fence may wait for the new owner before its error is passed on. */
  stragglerMs: z.int().min(0).default(30_000),
  /** How long transactions that run may take to end when the proxy is told to end. */
  stopGraceMs: z.int().min(0).default(5_000),
  /** The decision that is known from elsewhere, such as the journal of a migration that is finalised and whose owner rows are gone. */
  known: z.strictObject({ side: z.enum(['blue', 'green']), epoch: z.int().min(0) }).optional(),
});

export type ProxyConfig = z.output<typeof schema>;
export type ProxyConfigInput = z.input<typeof schema>;

export function readProxyConfig(value: unknown): ProxyConfig {
  const read = schema.safeParse(value);
  if (!read.success) throw new TealError('TEAL-TRAFFIC-006', z.prettifyError(read.error));
  const { listen, clientAuth } = read.data;
  if (clientAuth === 'trust' && !isLoopback(listen.host)) {
    throw new TealError('TEAL-TRAFFIC-006', 'clientAuth: trust is for an address of loopback only', {
      host: listen.host,
    });
  }
  return read.data;
}

/** How many processes serve clients: each may have one client at least. */
export function processesOf(
  { processes = 1, maxClients }: Pick<ProxyConfig, 'processes' | 'maxClients'>,
  cores = availableParallelism(),
): number {
  const wanted = processes === 'auto' ? Math.min(processesAtMost, Math.max(1, cores - 1)) : processes;
  return Math.min(wanted, maxClients);
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.');
}

export const blueUrlVariable = 'TEAL_PROXY_BLUE_URL';
export const greenUrlVariable = 'TEAL_PROXY_GREEN_URL';
