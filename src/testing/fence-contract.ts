import assert from 'node:assert/strict';
import type { Side } from '../model/catalog.ts';
import type { Fence } from '../ports/fence.ts';
import { casesOf, type ContractCase } from './contract.ts';

/** One side of a system with a managed table in it and everything that a fence needs there, but no fence yet. */
export interface FenceWorld extends AsyncDisposable {
  readonly fence: Fence;
  /** Which side it is; the other one takes over in no case. */
  readonly side: Side;
  /** Writes one row as a client would, over a session that was open before. True when it is committed, false when it was refused with no effect. */
  readonly clientWrites: () => Promise<boolean>;
  /** The same as a carrier does. Undefined where the system has no carriers of its own. */
  readonly carrierWrites?: () => Promise<boolean>;
  /** Begins a client's transaction that has written and is open; the answer commits it. */
  readonly clientStaysOpen: () => Promise<() => Promise<void>>;
  /** Rows of the managed table. */
  readonly rows: () => Promise<number>;
}

const raise = { cut: 'e1a1', token: 'e1a1/token', epoch: 1, lockTimeoutMs: 10_000 };

/** What every fence promises (`Fence` of teal/adapter). */
export function fenceContract(open: () => Promise<FenceWorld>): readonly ContractCase[] {
  return casesOf(open, {
    'says that it is absent before it is installed': async ({ fence }) => {
      assert.deepEqual(await fence.probe(), { fence: 'absent', tokens: [] });
    },
    'installed open it refuses nothing; installing it twice is once': async ({ fence, clientWrites }) => {
      await fence.install(false);
      await fence.install(false);
      assert.equal((await fence.probe()).fence, 'installed');
      assert.equal(await clientWrites(), true);
    },
    'installed closed it refuses clients and lets carriers pass': async ({
      fence,
      clientWrites,
      carrierWrites,
      rows,
    }) => {
      const before = await rows();
      await fence.install(true);
      assert.equal((await fence.probe()).fence, 'raised');
      assert.equal(await clientWrites(), false);
      assert.equal(await rows(), before);
      if (carrierWrites === undefined) return;
      assert.equal(await carrierWrites(), true);
      assert.equal(await rows(), before + 1);
    },
    'raised it has written its token and refuses a session that was open before': async ({
      fence,
      clientWrites,
      rows,
    }) => {
      await fence.install(false);
      assert.equal(await clientWrites(), true);
      const before = await rows();
      assert.notEqual(await fence.raise(raise), '');
      const { fence: word, tokens } = await fence.probe();
      assert.deepEqual({ word, tokens }, { word: 'raised', tokens: [raise.token] });
      assert.equal(await clientWrites(), false);
      assert.equal(await rows(), before);
    },
    'what was written is told without its tables as with them': async ({ fence, side }) => {
      assert.deepEqual(await fence.written(), { tokens: [] });
      await fence.install(false);
      await fence.raise(raise);
      assert.deepEqual(await fence.written(), { tokens: [raise.token] });
      const owner = { epoch: 1, owner: side, cut: 'e1a1' };
      await fence.lower(owner);
      const { tokens } = await fence.probe();
      assert.deepEqual(await fence.written(), { tokens, owner });
    },
    'a write that was accepted before is in front of the token': async ({ fence, clientStaysOpen, rows }) => {
      await fence.install(false);
      const before = await rows();
      const commit = await clientStaysOpen();
      const raising = fence.raise(raise);
      await Promise.all([commit(), raising]);
      assert.equal(await rows(), before + 1);
      assert.equal((await fence.probe()).fence, 'raised');
    },
    'that cannot be had in time has no effect': async ({ fence, clientStaysOpen, clientWrites }) => {
      await fence.install(false);
      const commit = await clientStaysOpen();
      await assert.rejects(fence.raise({ ...raise, lockTimeoutMs: 50 }));
      const { fence: word, tokens } = await fence.probe();
      assert.deepEqual({ word, tokens }, { word: 'installed', tokens: [] });
      await commit();
      assert.equal(await clientWrites(), true);
    },
    'lowered it lets clients write, and lowering it twice is once': async ({ fence, clientWrites }) => {
      await fence.install(false);
      await fence.raise(raise);
      await fence.lower();
      const once = await fence.probe();
      await fence.lower();
      assert.deepEqual(await fence.probe(), once);
      assert.equal(once.fence, 'installed');
      assert.equal(await clientWrites(), true);
    },
    'lowered with an owner row the decision is there, once, and another cut cannot take it': async (world) => {
      const { fence, side } = world;
      await fence.install(true);
      const owner = { epoch: 1, owner: side, cut: 'e1a1' };
      await fence.lower(owner);
      await fence.lower(owner);
      assert.deepEqual((await fence.probe()).owner, owner);
      assert.equal(await world.clientWrites(), true);
      await assert.rejects(fence.lower({ ...owner, cut: 'e1a2' }));
      assert.deepEqual((await fence.probe()).owner, owner);
    },
    'removed nothing of it is left, and removing it twice is once': async ({ fence, clientWrites }) => {
      await fence.install(false);
      await fence.raise(raise);
      await fence.remove();
      await fence.remove();
      assert.equal((await fence.probe()).fence, 'absent');
      assert.equal(await clientWrites(), true);
    },
  });
}
