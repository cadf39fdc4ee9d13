import { expect, test } from 'vitest';
import { hostName, refusedOrigin } from './origin.ts';

const names = new Set(['teal.example.org']);
const said = (host?: string, origin?: string, fetchSite?: string): string | undefined =>
  refusedOrigin({ host, origin, fetchSite }, names);

test.each(['127.0.0.1:7480', 'localhost', 'LOCALHOST:1', '[::1]:7480', '10.1.2.3', 'teal.example.org:443'])(
  'a program that asks %s may',
  (host) => expect(said(host)).toBeUndefined(),
);

test.each([undefined, '', 'evil.example', 'localhost.evil.example', '127.0.0.1.evil.example', 'a b', 'x:y:z', '[::1'])(
  'one that says its host is %j may not: a page may have let its own name point here',
  (host) => expect(said(host)).toMatch(/Host/),
);

test('a browser may from a page of this very host', () => {
  expect(said('127.0.0.1:7480', 'http://127.0.0.1:7480', 'same-origin')).toBeUndefined();
  expect(said('teal.example.org', 'https://Teal.example.org', 'none')).toBeUndefined();
});

test.each([
  ['http://evil.example', undefined],
  ['http://127.0.0.1:8080', undefined],
  ['http://127.0.0.1:7480.evil.example', undefined],
  ['null', undefined],
  ['', undefined],
  ['file://127.0.0.1:7480', undefined],
  [undefined, 'cross-site'],
  [undefined, 'same-site'],
])('a page of Origin %j and site %j may not', (origin, fetchSite) => {
  expect(said('127.0.0.1:7480', origin, fetchSite)).toMatch(/another site/);
});

test('a host has its name without the port', () => {
  expect([hostName('A.b:1'), hostName('[FE80::1]'), hostName('a/b')]).toEqual(['a.b', 'fe80::1', undefined]);
});
