import { AssertionError } from 'node:assert';
import { describe, expect, test } from 'vitest';
import type { Fence, FenceState, Gate, Router, Side, Step } from 'teal/adapter';
import { fenceContract, gateContract, routerContract, stepContract, type ContractCase } from 'teal/testing';
import { commandGate } from '../gates/command/command-gate.ts';
import { personGate, type PersonsAnswer } from '../gates/person/person-gate.ts';
import { sqlGate } from '../gates/sql/sql-gate.ts';
import { noRouter } from '../traffic/none/no-router.ts';

const nothing = async (): Promise<void> => {};
const world = { [Symbol.asyncDispose]: nothing };

/** The names of the promises that an adapter breaks. */
async function broken(cases: readonly ContractCase[]): Promise<readonly string[]> {
  const names: string[] = [];
  for (const { name, run } of cases) {
    try {
      await run();
    } catch (error) {
      if (!(error instanceof AssertionError)) throw error;
      names.push(name);
    }
  }
  return names;
}

describe('a gate of Teal', () => {
  const person = async () => {
    let answer: PersonsAnswer | undefined;
    const gate = personGate('g', 'dba', () => answer);
    const makeYes = async (): Promise<void> => {
      answer = { by: 'ada', atIso: '2026-01-01T00:00:00Z' };
    };
    return { ...world, gate, makeYes };
  };
  const sql = async () => {
    let value: string | Error = '7';
    const gate = sqlGate({ id: 'g', on: 'green', sql: 'select 1', equals: '0' }, async () => {
      if (value instanceof Error) throw value;
      return value;
    });
    const makeYes = async (): Promise<void> => {
      value = '0';
    };
    const breakIt = async (): Promise<void> => {
      value = new Error('the server is gone');
    };
    return { ...world, gate, makeYes, breakIt };
  };
  const command = async () => {
    // A gate's command is fixed: what it finds is not.
    let script = 'process.exit(1)';
    let program = process.execPath;
    const gate: Gate = {
      id: 'g',
      asks: 'does the command end with 0?',
      person: false,
      ask: async (signal) => commandGate({ id: 'g', command: [program, '-e', script], timeoutMs: 10_000 }).ask(signal),
    };
    const makeYes = async (): Promise<void> => {
      script = 'process.exit(0)';
    };
    const breakIt = async (): Promise<void> => {
      program = '/nowhere/at-all';
    };
    return { ...world, gate, makeYes, breakIt };
  };
  describe.each([
    ['person', gateContract(person)],
    ['sql', gateContract(sql)],
    ['command', gateContract(command)],
  ])('%s', (_, cases) => {
    for (const { name, run } of cases) test(name, run);
  });
});

describe('the router of those who have none', () => {
  const open = async () => {
    let owner: { owner: Side; epoch: number } = { owner: 'blue', epoch: 0 };
    return {
      ...world,
      router: noRouter(async () => owner),
      decide: async (side: Side, epoch: number): Promise<void> => {
        owner = { owner: side, epoch };
      },
      ask: async (): Promise<Side> => owner.owner,
      begin: async () => nothing,
    };
  };
  for (const { name, run } of routerContract(open, false)) test(name, run);
});

describe('the kits find what is broken', () => {
  test('a gate that says yes by itself, and one that throws', async () => {
    const gateOf = (
      ask: Gate['ask'],
    ): (() => Promise<{ gate: Gate; makeYes: () => Promise<void> } & AsyncDisposable>) => {
      return async () => ({ ...world, gate: { id: 'g', asks: 'is it so?', person: false, ask }, makeYes: nothing });
    };
    expect(await broken(gateContract(gateOf(async () => ({ answer: 'yes', evidence: 'always' }))))).toEqual([
      'does not say yes before it is so, and says why',
    ]);
    expect(await broken(gateContract(gateOf(async () => ({ answer: 'yes', evidence: '' }))))).toHaveLength(2);
  });

  test('a router that goes where it is told, owner or not, and holds nobody', async () => {
    const open = async () => {
      let pointsTo: Side = 'blue';
      let epoch = 0;
      let mode: 'running' | 'holding' = 'running';
      const router: Router = {
        read: async () => ({ mode, pointsTo, epoch, clients: 0, inFlight: 0, pinned: [] }),
        hold: async () => {
          mode = 'holding';
          return { drained: true, clients: 0, waitedMs: 0 };
        },
        point: async (side, at) => {
          pointsTo = side;
          epoch = at;
        },
        release: async () => {
          mode = 'running';
        },
      };
      return {
        ...world,
        router,
        decide: nothing,
        ask: async (): Promise<Side> => pointsTo,
        begin: async () => nothing,
      };
    };
    expect(await broken(routerContract(open, true))).toEqual([
      'refuses a side that the owner row does not name',
      'what comes while it holds waits, and is answered after the release',
      'a transaction that does not end is not cancelled: the hold says that it is not drained',
    ]);
  });

  test('a fence that lets a session pass that was open before', async () => {
    const open = async () => {
      const rows: string[] = [];
      let state: FenceState = { fence: 'absent', tokens: [] };
      const fence: Fence = {
        install: async (closed) => {
          state = { ...state, fence: closed ? 'raised' : 'installed' };
        },
        raise: async ({ token }) => {
          state = { ...state, fence: 'raised', tokens: [...state.tokens, token] };
          return 'position' as Awaited<ReturnType<Fence['raise']>>;
        },
        lower: async (owner) => {
          if (owner !== undefined && state.owner !== undefined && owner.cut !== state.owner.cut)
            throw new Error('decided');
          state = { ...state, fence: 'installed', ...(owner === undefined ? {} : { owner }) };
        },
        probe: async () => state,
        remove: async () => {
          state = { fence: 'absent', tokens: [] };
        },
      };
      return {
        ...world,
        fence,
        side: 'blue' as const,
        clientWrites: async () => rows.push('x') > 0,
        clientStaysOpen: async () => async () => void rows.push('x'),
        rows: async () => rows.length,
      };
    };
    expect(await broken(fenceContract(open))).toEqual([
      'installed closed it refuses clients and lets carriers pass',
      'raised it has written its token and refuses a session that was open before',
      'that cannot be had in time has no effect',
    ]);
  });

  test('a step that does twice what it is to do once, and one whose undo forgets', async () => {
    const stepOf = (act: (outside: string[]) => void, undo: (outside: string[]) => void) => async () => {
      const outside = ['what was there'];
      const step: Step = {
        id: 's',
        does: 'adds a thing',
        locks: 'nothing',
        costs: 'nothing',
        undone: 'the thing is taken away',
        probe: async () =>
          outside.includes('thing') ? { state: 'done', evidence: 'the thing is there' } : { state: 'not done' },
        act: async () => act(outside),
        undo: async () => undo(outside),
      };
      return { ...world, step, look: async () => [...outside] };
    };
    const add = (outside: string[]): void => void outside.push('thing');
    const takeAway = (outside: string[]): void => {
      while (outside.includes('thing')) outside.pop();
    };
    const once = (outside: string[]): void => (outside.includes('thing') ? undefined : add(outside));
    expect(await broken(stepContract(stepOf(once, takeAway)))).toEqual([]);
    expect(await broken(stepContract(stepOf(add, takeAway)))).toEqual([
      'once done it is seen to be done, and doing it again changes nothing',
    ]);
    expect(await broken(stepContract(stepOf(once, (outside) => void (outside.length = 0))))).toEqual([
      'undone it puts back what was there; undone twice too',
      'begun and never acted it can be undone',
      'undone it can be done again',
    ]);
  });
});
