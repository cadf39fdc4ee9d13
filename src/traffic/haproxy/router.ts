import { waitFor } from '../../kernel/clock.ts';
import { TealError, describeError, isTealError } from '../../kernel/errors.ts';
import { otherSide, type Side } from '../../model/catalog.ts';
import { epochAt, requireOwner, type ReadOwner } from '../../ports/owner.ts';
import type { HoldResult, Router, RouterFinding, RouterState, Switching } from '../../ports/router.ts';
import { say } from './runtime-api.ts';
import { readServers, type ServerState } from './servers.ts';

export interface HaproxyOptions {
  /** Of the runtime API, with level admin: a path, or host:port. */
  readonly socket: string;
  readonly backend: string;
  /** Names of the servers in it that are the sides. */
  readonly servers: Readonly<Record<Side, string>>;
  /** What its switch is to clients; default `connections drop`. */
  readonly switching?: Switching;
  readonly readOwner: ReadOwner;
}

const pointMs = 10_000;

/**
 * HAProxy in TCP mode, by its runtime API: the server that gains is made ready, the other is put into maintenance, and its sessions are shut down. It sees no boundary of a transaction, so nobody can
 * be held.
 */
export class HaproxyRouter implements Router, AsyncDisposable {
  readonly holdsClients = false;
  readonly switching: Switching;
  readonly #options: HaproxyOptions;
  #isHeld = false;

  constructor(options: HaproxyOptions) {
    this.#options = options;
    this.switching = options.switching ?? { clients: 'connections drop' };
  }

  async read(): Promise<RouterState> {
    const pointsTo = this.#sideOf(await this.#servers());
    const epoch = await epochAt(this.#options.readOwner, pointsTo);
    return { mode: this.#isHeld ? 'holding' : 'running', pointsTo, epoch, clients: 0, inFlight: 0, pinned: [] };
  }

  async hold(): Promise<HoldResult> {
    this.#isHeld = true;
    return { drained: true, clients: 0, waitedMs: 0 };
  }

  async point(side: Side, epoch: number): Promise<void> {
    const { socket, backend, servers, readOwner } = this.#options;
    await requireOwner(readOwner, side, epoch);
    const gaining = `${backend}/${servers[side]}`;
    const losing = `${backend}/${servers[otherSide(side)]}`;
    // The first one first: a connection that finds no server is refused, and one that still comes to the losing side is shut down with the others.
    const told = await say(socket, [
      `set server ${gaining} state ready`,
      `set server ${losing} state maint`,
      `shutdown sessions server ${losing}`,
    ]);
    if (told.trim() !== '') throw new TealError('TEAL-TRAFFIC-018', `it answered: ${told.trim().slice(0, 200)}`);
    await this.#pointed(side);
  }

  async release(): Promise<void> {
    this.#isHeld = false;
  }

  async check(): Promise<readonly RouterFinding[]> {
    try {
      return await this.#look();
    } catch (error) {
      if (!isTealError(error)) throw error;
      const why = 'A cut would fail where it is needed.';
      return [{ severity: 'blocker', what: `${describeError(error)}.`, why, mend: error.entry.doThis }];
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Each command has a connection of its own.
  }

  async #look(): Promise<readonly RouterFinding[]> {
    const { socket, backend, servers } = this.#options;
    const known = await this.#servers();
    const missing = [servers.blue, servers.green].filter((name) => !known.some((server) => server.name === name));
    if (missing.length > 0) {
      throw new TealError('TEAL-TRAFFIC-018', `backend ${backend} has no server ${missing.join(' and no server ')}`);
    }
    // Of a server that is not there: whoever may change one hears so, and nothing is changed.
    const refused = await say(socket, [`set server ${backend}/teal-${servers.blue}-${servers.green} state ready`]);
    if (!/no such server/i.test(refused)) {
      throw new TealError('TEAL-TRAFFIC-018', `it may not be told anything: ${refused.trim().slice(0, 200)}`);
    }
    const found: RouterFinding[] = [];
    if (this.#sideOf(known) === 'unknown') {
      const open = known.filter(({ isOpen }) => isOpen).map(({ name }) => name);
      found.push({
        severity: 'blocker',
        what: `Connections of backend ${backend} go to ${open.length === 0 ? 'no server' : open.join(' and ')}.`,
        why: 'Only where exactly one server takes them, and it is one of the two sides, can be told on which clients are.',
        mend: `Put every server of it but that of the live side into maintenance (\`disabled\` in its file, or \`set server … state maint\`).`,
      });
    }
    found.push({
      severity: 'warning',
      what: 'HAProxy forgets what it was told at run time when it is started anew.',
      why: 'It then leads to the side that its file names: after a cut that is the one that has lost, where writes are refused.',
      mend: 'After a cut, change its file too; or have it keep its state (server-state-file, load-server-state-from-file).',
    });
    return found;
  }

  async #pointed(side: Side): Promise<void> {
    const name = this.#options.servers[side];
    try {
      await waitFor({ what: `HAProxy to lead to ${side}`, timeoutMs: pointMs }, async () => {
        const known = await this.#servers();
        const isUp = known.some((server) => server.name === name && server.isUp);
        return isUp && this.#sideOf(known) === side ? true : undefined;
      });
    } catch (error) {
      if (!isTealError(error, 'TEAL-KERNEL-002')) throw error;
      throw new TealError('TEAL-TRAFFIC-018', `server ${name} takes no connections yet`, { side }, error);
    }
  }

  async #servers(): Promise<readonly ServerState[]> {
    const { socket, backend } = this.#options;
    return readServers(await say(socket, [`show servers state ${backend}`]));
  }

  /** Where a connection that comes now must go; unknown where it could go to two, or to somebody else. */
  #sideOf(known: readonly ServerState[]): Side | 'unknown' {
    const [open, second] = known.filter(({ isOpen }) => isOpen);
    if (open === undefined || second !== undefined) return 'unknown';
    const { blue, green } = this.#options.servers;
    if (open.name === blue) return 'blue';
    return open.name === green ? 'green' : 'unknown';
  }
}
