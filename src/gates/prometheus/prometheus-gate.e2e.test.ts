import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { gateContract } from '../../testing/gate-contract.ts';
import { isTealError } from '../../kernel/errors.ts';
import type { Gate, GateAnswer } from '../../ports/gate.ts';
import { startPrometheus, type PrometheusServer } from '../../../tools/servers/prometheus.ts';
import { httpDouble, type HttpDouble } from '../test-support/http-double.ts';
import type { NumberRange } from '../held-range.ts';
import { prometheusGate } from './prometheus-gate.ts';

/** The program itself, which scrapes a counter of queries and one of errors. */
let target: HttpDouble;
let prometheus: PrometheusServer | undefined;

function expose(errors: number): void {
  const text = `# TYPE shop_errors gauge\nshop_errors{pod="a"} ${errors}\nshop_errors{pod="b"} 0\n`;
  target.answer(200, text, undefined, { 'content-type': 'text/plain; version=0.0.4' });
}

beforeAll(async () => {
  target = await httpDouble();
  expose(5);
  try {
    prometheus = await startPrometheus({ targets: [new URL(target.url).host] });
  } catch (error) {
    if (!isTealError(error, 'TEAL-TOOLS-001') && !isTealError(error, 'TEAL-TOOLS-003')) throw error;
    process.stderr.write(`SKIPPED, for Prometheus cannot be had here: ${error.message}\n`);
  }
});
afterAll(async () => {
  await prometheus?.[Symbol.asyncDispose]();
  await target[Symbol.asyncDispose]();
});

function gateOn(query: string, range: NumberRange, url = prometheus?.url ?? ''): Gate {
  return prometheusGate({ id: 'g', query, server: { url, headers: {}, timeoutMs: 30_000 }, range });
}

const never = new AbortController().signal;
const ask = async (query: string, range: NumberRange = { below: 1, forMs: 0 }): Promise<GateAnswer> =>
  gateOn(query, range).ask(never);

/** Asks until the evidence is as it should be: a scrape is a second away. */
async function expectEventually(gate: Gate, expected: Partial<GateAnswer>): Promise<void> {
  await expect.poll(async () => gate.ask(never), { timeout: 90_000, interval: 200 }).toMatchObject(expected);
}

test('the gate of a real server: no, yes when it is so, and not one of two series', async ({ skip }) => {
  skip(prometheus === undefined);
  await expectEventually(gateOn('max(shop_errors)', { below: 1, forMs: 0 }), {
    answer: 'not yet',
    evidence: 'the value is 5, expected below 1',
  });
  expose(0);
  await expectEventually(gateOn('max(shop_errors)', { below: 1, forMs: 0 }), { answer: 'yes' });
  expect(await ask('shop_errors')).toMatchObject({
    answer: 'cannot tell',
    evidence: expect.stringMatching(/2 series/),
  });
  expect(await ask('sum(shop_errors) / 0')).toMatchObject({
    answer: 'cannot tell',
    evidence: expect.stringMatching(/NaN/),
  });
  expect(await ask('shop_missing')).toMatchObject({
    answer: 'cannot tell',
    evidence: expect.stringMatching(/gives nothing/),
  });
  expect(await ask('sum(shop_missing) or vector(0)')).toMatchObject({ answer: 'yes' });
  expect(await ask('shop_errors[1m]')).toMatchObject({
    answer: 'cannot tell',
    evidence: expect.stringMatching(/matrix/),
  });
  expect(await ask('sum(')).toMatchObject({
    answer: 'cannot tell',
    evidence: expect.stringMatching(/bad_data: .*parse error/),
  });
  expect(await ask('time()', { above: 1e9, forMs: 0 })).toMatchObject({ answer: 'yes' });
});

test('a target that is gone leaves its series stale: the gate cannot tell', async ({ skip }) => {
  skip(prometheus === undefined);
  expose(0);
  const gate = gateOn('max(shop_errors)', { below: 1, forMs: 0 });
  await expectEventually(gate, { answer: 'yes' });
  target.answer(500);
  await expectEventually(gate, { answer: 'cannot tell' });
});

describe('the contract of gates', () => {
  const open = async () => {
    expose(5);
    const urls = { value: prometheus?.url ?? '' };
    const gate: Gate = {
      ...gateOn('max(shop_errors)', { below: 1, forMs: 0 }),
      ask: async (signal) => gateOn('max(shop_errors)', { below: 1, forMs: 0 }, urls.value).ask(signal),
    };
    await expectEventually(gate, { answer: 'not yet' });
    return {
      gate,
      makeYes: async () => {
        expose(0);
        await expectEventually(gate, { answer: 'yes' });
      },
      breakIt: async () => {
        urls.value = 'http://127.0.0.1:1';
      },
      [Symbol.asyncDispose]: async () => undefined,
    };
  };
  for (const { name, run } of gateContract(open))
    test(name, async ({ skip }) => {
      skip(prometheus === undefined);
      await run();
    });
});
