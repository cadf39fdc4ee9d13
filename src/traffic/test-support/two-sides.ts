import { Client } from 'pg';
import type { RouterWorld } from 'teal/testing';
import { blueMajor, greenMajor, testServer } from '../../../test/support/postgres.ts';
import { waitFor } from '../../kernel/clock.ts';
import type { Side } from '../../model/catalog.ts';
import type { OwnerRow } from '../../ports/fence.ts';
import type { ReadOwner } from '../../ports/owner.ts';
import type { Router } from '../../ports/router.ts';

/** Two real servers, and who owns them, for a router that passes bytes on. */
export interface TwoSides {
  /** `host:port`. */
  readonly addresses: Readonly<Record<Side, string>>;
  readonly readOwner: ReadOwner;
  readonly decide: (side: Side, epoch: number) => void;
  /** A client that comes to a port of the router. */
  readonly connect: (port: number) => Promise<Client>;
  readonly sideOf: (client: Client) => Promise<Side>;
}

export async function twoSides(): Promise<TwoSides> {
  const blue = await testServer(blueMajor());
  // Where both majors are one, two servers all the same.
  const settings = blueMajor() === greenMajor() ? { 'teal.side': 'green' } : {};
  const green = await testServer(greenMajor(), { settings });
  const owners: Partial<Record<Side, OwnerRow>> = {};
  return {
    addresses: { blue: new URL(blue.url).host, green: new URL(green.url).host },
    readOwner: async (side) => owners[side],
    decide: (side, epoch) => void (owners[side] = { epoch, owner: side, cut: `e${epoch}a1` }),
    async connect(port) {
      const client = new Client({ host: '127.0.0.1', port, user: 'postgres', database: 'postgres' });
      client.on('error', () => undefined);
      await client.connect();
      return client;
    },
    async sideOf(client) {
      const { rows } = await client.query<{ port: string }>(`select current_setting('port') as port`);
      return rows[0]?.port === new URL(blue.url).port ? 'blue' : 'green';
    },
  };
}

/** The world of the contract of routers that hold nobody. */
export function worldOf(sides: TwoSides, router: Router, port: number, end: () => Promise<void>): RouterWorld {
  return {
    router,
    decide: async (...to) => sides.decide(...to),
    async ask() {
      const client = await sides.connect(port);
      try {
        return await sides.sideOf(client);
      } finally {
        await client.end();
      }
    },
    begin: async () => async () => undefined,
    [Symbol.asyncDispose]: end,
  };
}

/** Resolves when somebody else has ended the connection of this client. */
export function dropped(client: Client): () => Promise<void> {
  let isDropped = false;
  client.on('end', () => (isDropped = true));
  return async () => {
    await waitFor({ what: 'the connection to end', timeoutMs: 60_000 }, () => isDropped || undefined);
  };
}
