import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'vitest';
import type { Gate, Side } from 'teal/adapter';
import { fenceContract, gateContract, routerContract, stepContract, type ContractCase } from 'teal/testing';
import { commandGate } from '../gates/command/command-gate.ts';
import { datadogGate } from '../gates/datadog/datadog-gate.ts';
import { freezeGate } from '../gates/freeze/freeze-gate.ts';
import { httpGate } from '../gates/http/http-gate.ts';
import { personGate, type PersonsAnswer } from '../gates/person/person-gate.ts';
import { bothSidesGate } from '../gates/sql/both-sides-gate.ts';
import { sqlGate } from '../gates/sql/sql-gate.ts';
import { httpDouble } from '../gates/test-support/http-double.ts';
import { windowGate } from '../gates/window/window-gate.ts';
import { noRouter } from '../traffic/none/no-router.ts';
import { memoryFenceWorld, type FenceFault } from './test-support/memory-fence.ts';
import { memoryGateWorld, type GateFault } from './test-support/memory-gate.ts';
import { memoryRouterWorld, type RouterFault } from './test-support/memory-router.ts';
import { memoryStepWorld, type MemoryStepWorld, type StepFault } from './test-support/memory-step.ts';
import { proves } from './test-support/proves.ts';

const nothing = async (): Promise<void> => {};
const world = { [Symbol.asyncDispose]: nothing };

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
  const http = async () => {
    const server = await httpDouble();
    server.answer(503);
    const question = { url: server.url, method: 'GET', headers: {}, timeoutMs: 20_000 } as const;
    return {
      gate: httpGate({ id: 'g', question, status: 200 }),
      makeYes: async () => server.answer(200),
      breakIt: async () => server[Symbol.asyncDispose](),
      [Symbol.asyncDispose]: async () => server[Symbol.asyncDispose](),
    };
  };
  const window = async () => {
    let nowMs = Date.parse('2026-12-05T12:00:00Z');
    const night = { days: ['sat'], fromMinute: 22 * 60, toMinute: 4 * 60, zone: 'UTC' } as const;
    const gate = windowGate({ id: 'g', window: night, patienceMs: 0 }, () => nowMs);
    const makeYes = async (): Promise<void> => {
      nowMs += 11 * 60 * 60_000;
    };
    return { ...world, gate, makeYes };
  };
  const freeze = async () => {
    const folder = await mkdtemp(join(tmpdir(), 'teal-freeze-'));
    const file = join(folder, 'freeze.yaml');
    await writeFile(file, 'zone: UTC\nfreezes: [{ from: 2026-01-01, to: 9999-12-30, why: for ever }]\n');
    return {
      gate: freezeGate({ id: 'g', file, patienceMs: 0 }),
      makeYes: async () => writeFile(file, 'zone: UTC\nfreezes: []\n'),
      breakIt: async () => rm(file),
      [Symbol.asyncDispose]: async () => rm(folder, { recursive: true }),
    };
  };
  const bothSides = async () => {
    let green: string | Error = '6';
    const gate = bothSidesGate({ id: 'g', sql: 'select 1' }, async (side) => {
      if (side === 'blue') return '7';
      if (green instanceof Error) throw green;
      return green;
    });
    const makeYes = async (): Promise<void> => {
      green = '7';
    };
    const breakIt = async (): Promise<void> => {
      green = new Error('the server is gone');
    };
    return { ...world, gate, makeYes, breakIt };
  };
  const datadog = async () => {
    const server = await httpDouble();
    const state = (overall: string): void => server.answer(200, JSON.stringify({ name: 'm', overall_state: overall }));
    state('Alert');
    const at = { url: server.url, apiKey: 'a', applicationKey: 'b', timeoutMs: 20_000 };
    return {
      gate: datadogGate('g', { monitor: 7 }, at),
      makeYes: async () => state('OK'),
      breakIt: async () => server[Symbol.asyncDispose](),
      [Symbol.asyncDispose]: async () => server[Symbol.asyncDispose](),
    };
  };
  // Prometheus is asked as the program that it is: src/gates/prometheus/prometheus-gate.e2e.test.ts.
  describe.each([
    ['person', gateContract(person)],
    ['sql', gateContract(sql)],
    ['command', gateContract(command)],
    ['http', gateContract(http)],
    ['window', gateContract(window)],
    ['freeze', gateContract(freeze)],
    ['sql on both sides', gateContract(bothSides)],
    ['datadog', gateContract(datadog)],
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

describe('the kit of gates', () => {
  proves<GateFault>((fault) => gateContract(async () => memoryGateWorld(fault)), {
    'asks nothing': 'has a name and a question for people',
    'says yes at once': 'does not say yes before it is so, and says why',
    'says yes once': 'says yes when it is so, as often as it is asked, with its evidence',
    'throws where it cannot tell': 'says that it cannot tell when it cannot, and throws nothing',
  });
});

describe('the kit of routers', () => {
  proves<RouterFault>((fault) => routerContract(async () => memoryRouterWorld(fault), true), {
    'does not know where it points': 'points to the owner and runs before anybody asks',
    'holds once': 'a hold is seen, may be repeated, and a release takes it back',
    'stays where it is': 'points to the side that the owner row names, and a repeated order changes nothing',
    'believes whoever tells it': 'refuses a side that the owner row does not name',
    'holds nobody': 'what comes while it holds waits, and is answered after the release',
    'is drained at once': 'a transaction that does not end is not cancelled: the hold says that it is not drained',
  });
});

describe('the kit of fences', () => {
  proves<FenceFault>((fault) => fenceContract(async () => memoryFenceWorld(fault)), {
    'is always there': 'says that it is absent before it is installed',
    'is installed once': 'installed open it refuses nothing; installing it twice is once',
    'is installed open': 'installed closed it refuses clients and lets carriers pass',
    'writes no token': 'raised it has written its token and refuses a session that was open before',
    'tells no token without its tables': 'what was written is told without its tables as with them',
    'forgets who was writing': 'a write that was accepted before is in front of the token',
    'closes without its lock': 'that cannot be had in time has no effect',
    'is lowered once': 'lowered it lets clients write, and lowering it twice is once',
    'lets any cut decide': 'lowered with an owner row the decision is there, once, and another cut cannot take it',
    'stays where it is removed': 'removed nothing of it is left, and removing it twice is once',
  });
});

describe('the kit of steps', () => {
  const contract = (fault: StepFault | undefined): readonly ContractCase[] => {
    let last: MemoryStepWorld | undefined;
    const open = async (): Promise<MemoryStepWorld> => (last = memoryStepWorld(fault));
    return stepContract(open, { interrupted: async () => last?.actHalf() });
  };
  proves<StepFault>(contract, {
    'tells nobody anything': 'tells a person what it does, locks, costs, and how it is undone',
    'changes what it looks at': 'is not done at first, and looking changes nothing',
    'does twice what it is to do once': 'once done it is seen to be done, and doing it again changes nothing',
    'undoes everything': 'undone it puts back what was there; undone twice too',
    'undoes only what it has done': 'begun and never acted it can be undone',
    'can be done once': 'undone it can be done again',
    'does not go on': 'ended in the middle it goes on to the same end',
  });
});
