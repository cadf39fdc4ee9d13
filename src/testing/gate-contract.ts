import assert from 'node:assert/strict';
import type { Gate } from '../ports/gate.ts';
import { casesOf, type ContractCase } from './contract.ts';

/** A gate, and what makes it answer one way or another. */
export interface GateWorld extends AsyncDisposable {
  readonly gate: Gate;
  /** Brings about what the gate asks for. */
  readonly makeYes: () => Promise<void>;
  /** Takes away what the gate needs to answer at all: a program that is not there, a server that is gone. Undefined where there is no such thing. */
  readonly breakIt?: () => Promise<void>;
}

/** What every gate promises (`Gate` of teal/adapter). */
export function gateContract(open: () => Promise<GateWorld>): readonly ContractCase[] {
  return casesOf(open, {
    'has a name and a question for people': async ({ gate }) => {
      assert.match(gate.id, /\S/);
      assert.match(gate.asks, /\S/);
    },
    'does not say yes before it is so, and says why': async ({ gate }) => {
      const { answer, evidence } = await gate.ask(never());
      assert.notEqual(answer, 'yes');
      assert.equal(typeof evidence, 'string');
    },
    'says yes when it is so, as often as it is asked, with its evidence': async ({ gate, makeYes }) => {
      await makeYes();
      for (let time = 0; time < 2; time += 1) {
        const { answer, evidence } = await gate.ask(never());
        assert.equal(answer, 'yes');
        assert.match(evidence, /\S/);
      }
    },
    'says that it cannot tell when it cannot, and throws nothing': async ({ gate, breakIt }) => {
      if (breakIt === undefined) return;
      await breakIt();
      assert.equal((await gate.ask(never())).answer, 'cannot tell');
    },
  });
}

function never(): AbortSignal {
  return new AbortController().signal;
}
