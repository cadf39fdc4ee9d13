import { once } from 'node:events';
import { createServer } from 'node:net';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { GateAnswer } from '../../ports/gate.ts';
import { makeCertificates } from '../../../test/support/certificates.ts';
import { freePort } from '../../../tools/servers/free-port.ts';
import type { HttpQuestion } from '../http-answer.ts';
import { httpDouble, type HttpDouble } from '../test-support/http-double.ts';
import { httpGate, type HttpGateOptions } from './http-gate.ts';
import { atPointer } from './json-pointer.ts';

let server: HttpDouble;
beforeEach(async () => {
  server = await httpDouble();
});
afterEach(async () => {
  await server[Symbol.asyncDispose]();
});

const never = new AbortController().signal;

async function ask(
  question: Partial<HttpQuestion> = {},
  options: Partial<Pick<HttpGateOptions, 'status' | 'value'>> = {},
): Promise<GateAnswer> {
  const whole: HttpQuestion = {
    url: `${server.url}/health`,
    method: 'GET',
    headers: {},
    timeoutMs: 20_000,
    ...question,
  };
  return httpGate({ id: 'g', question: whole, status: 200, ...options }).ask(never);
}

describe('a question over HTTP', () => {
  test('is answered by the status', async () => {
    server.answer(200);
    expect(await ask()).toEqual({ answer: 'yes', evidence: 'status 200' });
    server.answer(503, 'down for maintenance');
    expect(await ask()).toEqual({ answer: 'no', evidence: 'status 503, expected 200' });
    server.answer(204);
    expect(await ask({}, { status: 204 })).toMatchObject({ answer: 'yes' });
  });

  test('carries its headers and its body, and neither is told', async () => {
    server.answer(401);
    const secret = { method: 'POST', headers: { authorization: 'Bearer s3cret' }, body: 'b0dy' } as const;
    const answer = await ask({ ...secret, url: `${server.url}/health?key=s3cret` });
    expect(server.asked[0]).toMatchObject({ method: 'POST', path: '/health?key=s3cret', body: 'b0dy' });
    expect(server.asked[0]?.headers).toMatchObject({ authorization: 'Bearer s3cret' });
    const question: HttpQuestion = { ...secret, url: `${server.url}/health?key=s3cret`, timeoutMs: 1 };
    const { asks } = httpGate({ id: 'g', question, status: 200 });
    expect(asks).toBe(`does POST ${server.url}/health answer 200?`);
    expect(JSON.stringify(answer)).not.toMatch(/s3cret|b0dy/);
  });

  test('is answered by a value at a pointer, whose kind counts; a text that is there is not told', async () => {
    const at = async (pointer: string, equals: string | number | boolean): Promise<GateAnswer> =>
      ask({}, { value: { pointer, equals } });
    server.answer(200, JSON.stringify({ state: 'ok', queues: [{ length: 7 }], open: false, none: null }));
    expect(await at('/state', 'ok')).toMatchObject({ answer: 'yes' });
    expect(await at('/queues/0/length', 7)).toMatchObject({ answer: 'yes' });
    expect(await at('/open', false)).toMatchObject({ answer: 'yes' });
    const evidence = async (pointer: string, equals: string | number | boolean): Promise<string> => {
      const answer = await at(pointer, equals);
      expect(answer.answer).toBe('no');
      return answer.evidence;
    };
    expect(await evidence('/queues/0/length', 0)).toBe('status 200; at /queues/0/length is 7, expected 0');
    expect(await evidence('/queues/0/length', '7')).toBe('status 200; at /queues/0/length is 7, expected "7"');
    expect(await evidence('/state', 'fine')).toContain('is another text (2 characters)');
    expect(await evidence('/none', 'ok')).toContain('is null');
    expect(await evidence('/missing', 'ok')).toContain('is nothing');
    expect(await evidence('/queues', 'ok')).toContain('is a list');
    expect(await evidence('', 'ok')).toContain('at its top is a mapping');
  });

  test.each([
    ['a redirect', () => server.answer(302, '', undefined, { location: 'https://elsewhere/' }), /-001.*redirects/],
    ['an answer that ends too early', () => server.answer(200, '{"state":', 'broken'), /-001/],
    ['an answer without an end', () => server.answer(200, 'x', 'endless'), /-001.*no whole answer within 300 ms/],
    ['an answer that is too long', () => server.answer(200, 'x'.repeat(2 << 20)), /-001.*longer than 1048576 bytes/],
    ['no JSON', () => server.answer(200, '<html>'), /TEAL-GATES-002.*no JSON/],
  ])('that gets %s tells nothing', async (_, prepare, evidence) => {
    prepare();
    const timeoutMs = evidence.source.includes('300') ? 300 : 20_000;
    const answer = await ask({ timeoutMs }, { value: { pointer: '', equals: 'x' } });
    expect(answer).toMatchObject({ answer: 'cannot tell', evidence: expect.stringMatching(evidence) });
    expect(server.asked).toHaveLength(1);
  });

  test('to nobody, or to somebody who says nothing, tells nothing', async () => {
    const port = await freePort();
    expect(await ask({ url: `http://127.0.0.1:${port}/?secret=s3cret` })).toEqual({
      answer: 'cannot tell',
      evidence: `TEAL-GATES-001: 127.0.0.1:${port}: connect ECONNREFUSED 127.0.0.1:${port}`,
    });
    const silent = createServer();
    silent.listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port: other } = silent.address() as { port: number };
    expect(await ask({ url: `http://127.0.0.1:${other}`, timeoutMs: 200 })).toMatchObject({ answer: 'cannot tell' });
    silent.close();
  });

  test('ends when the run does', async () => {
    server.answer(200, 'x', 'endless');
    const stop = new AbortController();
    const question: HttpQuestion = { url: server.url, method: 'GET', headers: {}, timeoutMs: 60_000 };
    const asking = httpGate({ id: 'g', question, status: 200 }).ask(stop.signal);
    await expect.poll(() => server.asked.length).toBe(1);
    stop.abort(new Error('stopped'));
    await expect(asking).rejects.toThrow('stopped');
  });
});

describe('over TLS', () => {
  test('the server proves who it is, whatever the environment says', async () => {
    await using certificates = await makeCertificates();
    await using other = await makeCertificates('DNS:elsewhere.example');
    await using secure = await httpDouble(certificates.server);
    await using misnamed = await httpDouble(other.server);
    secure.answer(200);
    misnamed.answer(200);
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
    try {
      expect(await ask({ url: secure.url })).toMatchObject({
        answer: 'cannot tell',
        evidence: expect.stringMatching(/TEAL-GATES-001.*certificate/),
      });
      expect(await ask({ url: secure.url, ca: certificates.authorityFile })).toMatchObject({ answer: 'yes' });
      const wrongName = await ask({ url: misnamed.url, ca: other.authorityFile });
      expect(wrongName).toMatchObject({ answer: 'cannot tell', evidence: expect.stringMatching(/altname/i) });
      const missing = await ask({ url: secure.url, ca: '/nowhere/ca.pem' });
      expect(missing).toMatchObject({ answer: 'cannot tell', evidence: expect.stringContaining('ENOENT') });
    } finally {
      vi.unstubAllEnvs();
    }
  });
});

/** The examples of RFC 6901 §5, and what a pointer into a list may not be. */
test.each([
  ['', undefined],
  ['/foo', ['bar', 'baz']],
  ['/foo/0', 'bar'],
  ['/', 0],
  ['/a~1b', 1],
  ['/c%d', 2],
  ['/m~0n', 8],
  ['/k"l', 6],
  ['/~01', 9],
  ['/foo/00', undefined],
  ['/foo/length', undefined],
  ['/foo/-', undefined],
  ['/foo/2', undefined],
  ['/toString', undefined],
  ['/__proto__', undefined],
  ['/foo/0/0', undefined],
])('at %j stands %j', (pointer, expected) => {
  const document = { foo: ['bar', 'baz'], '': 0, 'a/b': 1, 'c%d': 2, 'k"l': 6, 'm~n': 8, '~1': 9 };
  expect(atPointer(document, pointer)).toEqual(pointer === '' ? document : expected);
});
