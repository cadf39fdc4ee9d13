import { expect, test } from 'vitest';
import { parseAddress } from './address.ts';

test('an address says where and as whom', () => {
  expect(parseAddress('mysql://me:p%40ss@db.example:3307/sh%20op')).toEqual({
    host: 'db.example',
    port: 3307,
    user: 'me',
    password: 'p@ss',
    database: 'sh op',
  });
  expect(parseAddress('mariadb://me@[::1]')).toEqual({ host: '::1', port: 3306, user: 'me', password: '' });
  expect(parseAddress('mysql://me@localhost/?socket=/run/my.sock').socketPath).toBe('/run/my.sock');
  expect(parseAddress('mysql://me@h/?ssl-mode=required').tls).toMatchObject({
    servername: 'h',
    rejectUnauthorized: false,
    verifyIdentity: false,
  });
});

test.each([
  'postgres://x',
  'not an address',
  'mysql://h/?charset=latin1',
  'mysql://h/?ssl-mode=PREFERRED',
  'mysql://h/?ssl-mode=sometimes',
  'mysql://h/?ssl-mode=VERIFY_CA',
  'mysql://h/?ssl-ca=/ca.pem',
  'mysql://h/?ssl-mode=REQUIRED&ssl-key=/client.key',
])('%s is refused', (text) => {
  expect(() => parseAddress(text)).toThrow(expect.objectContaining({ code: 'TEAL-SYSTEMS-009' }) as Error);
});

test('a certificate that is not there is told', () => {
  const text = 'mysql://h/?ssl-mode=VERIFY_CA&ssl-ca=/no/such/file.pem';
  expect(() => parseAddress(text)).toThrow(expect.objectContaining({ code: 'TEAL-SYSTEMS-004' }) as Error);
});
