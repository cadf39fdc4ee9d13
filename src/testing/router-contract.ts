import assert from 'node:assert/strict';
import type { Side } from '../model/catalog.ts';
import type { Router } from '../ports/router.ts';
import { casesOf, type ContractCase } from './contract.ts';

/** A router in front of two sides, blue being the owner at epoch 0. */
export interface RouterWorld extends AsyncDisposable {
  readonly router: Router;
  /** Writes the owner row on the side that gains, as the decision of a cut does. */
  readonly decide: (side: Side, epoch: number) => Promise<void>;
  /** Sends one statement through the router; resolves with the side that answered it. */
  readonly ask: () => Promise<Side>;
  /** Begins a client's transaction and leaves it open; the answer ends it. */
  readonly begin: () => Promise<() => Promise<void>>;
}

const hold = { cut: 'e1a1', leaseMs: 30_000, drainMs: 10_000 };

/** What every router promises (`Router` of teal/adapter). `holds`: clients pass through it and can be made to wait; false for one that only tells an address. */
export function routerContract(open: () => Promise<RouterWorld>, holds: boolean): readonly ContractCase[] {
  return casesOf(open, { ...forAll, ...(holds ? forHolders : {}) });
}

const forAll: Readonly<Record<string, (world: RouterWorld) => Promise<void>>> = {
  'points to the owner and runs before anybody asks': async ({ router, ask }) => {
    const state = await router.read();
    assert.deepEqual([state.mode, state.pointsTo, state.epoch], ['running', 'blue', 0]);
    assert.equal(await ask(), 'blue');
  },
  'a hold is seen, may be repeated, and a release takes it back': async ({ router, ask }) => {
    assert.equal((await router.hold(hold)).drained, true);
    assert.equal((await router.hold(hold)).drained, true);
    const held = await router.read();
    assert.deepEqual([held.mode, held.inFlight], ['holding', 0]);
    await router.release();
    await router.release();
    assert.equal((await router.read()).mode, 'running');
    assert.equal(await ask(), 'blue');
  },
  'points to the side that the owner row names, and a repeated order changes nothing': async (world) => {
    const { router } = world;
    await router.hold(hold);
    await world.decide('green', 1);
    await router.point('green', 1);
    await router.point('green', 1);
    await router.release();
    const state = await router.read();
    assert.deepEqual([state.mode, state.pointsTo, state.epoch], ['running', 'green', 1]);
    assert.equal(await world.ask(), 'green');
  },
};

const forHolders: Readonly<Record<string, (world: RouterWorld) => Promise<void>>> = {
  'refuses a side that the owner row does not name': async (world) => {
    const { router } = world;
    await router.hold(hold);
    await assert.rejects(router.point('green', 1));
    await router.release();
    assert.equal(await world.ask(), 'blue');
  },
  'what comes while it holds waits, and is answered after the release': async (world) => {
    await world.router.hold(hold);
    let isAnswered = false;
    const asked = world.ask().then((side) => {
      isAnswered = true;
      return side;
    });
    // Two questions to the router take longer than a statement that is let through.
    await world.router.read();
    await world.router.read();
    assert.equal(isAnswered, false);
    await world.router.release();
    assert.equal(await asked, 'blue');
  },
  'a transaction that does not end is not cancelled: the hold says that it is not drained': async (world) => {
    const end = await world.begin();
    const held = await world.router.hold({ ...hold, drainMs: 100 });
    assert.equal(held.drained, false);
    if (!held.drained) assert.ok(held.inFlight >= 1);
    await world.router.release();
    await end();
    assert.equal((await world.router.hold(hold)).drained, true);
    await world.router.release();
  },
};
