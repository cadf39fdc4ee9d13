import { expect, test } from 'vitest';
import { personOf, type Claims } from './person.ts';
import { signInSettings, type SignInOptions } from './settings.ts';

const asked: SignInOptions = {
  issuer: 'https://login.example.org/',
  clientId: 'teal',
  roles: ['view=engineering', 'cut=dba-leads', 'approve=dba-leads', 'cut=CN=dba,OU=ops', 'operate=a group with blanks'],
};
const person = (claims: Claims, more: Partial<SignInOptions> = {}): ReturnType<typeof personOf> =>
  personOf({ sub: 'u-1', ...claims }, signInSettings({ ...asked, ...more }, 'https://teal.example.org/'));

test.each<[string, Claims, Partial<SignInOptions>, readonly string[]]>([
  ['a list', { groups: ['dba-leads', 'engineering', 'chess'] }, {}, ['view', 'cut', 'approve']],
  ['one text', { groups: 'a group with blanks' }, {}, ['operate']],
  ['a name with = and commas', { groups: ['CN=dba,OU=ops'] }, {}, ['cut']],
  ['nothing', {}, {}, []],
  ['other letters', { groups: ['DBA-Leads', 'engineering ', 'dba-lead'] }, {}, []],
  ['no texts', { groups: [1, null, { engineering: true }, ['engineering']] }, {}, []],
  ['a path', { realm_access: { roles: ['engineering'] } }, { rolesClaim: 'realm_access.roles' }, ['view']],
  [
    'a claim that is a URL',
    { 'https://x.example/g': ['engineering'] },
    { rolesClaim: 'https://x.example/g' },
    ['view'],
  ],
  ['what every object has', {}, { rolesClaim: 'constructor.name', roles: ['cut=Object'] }, []],
  [
    'a verified address',
    { email: 'ada@example.org', email_verified: true },
    { rolesClaim: 'email', roles: ['cut=ada@example.org'] },
    ['cut'],
  ],
  [
    'an address of which nothing is said',
    { email: 'ada@example.org' },
    { rolesClaim: 'email', roles: ['cut=ada@example.org'] },
    [],
  ],
  [
    'an address that nobody has verified',
    { email: 'ada@example.org', email_verified: false },
    { rolesClaim: 'email', roles: ['cut=ada@example.org'] },
    [],
  ],
])('%s gives the roles that are mapped and no other', (_, claims, more, roles) => {
  expect(person(claims, more).roles).toEqual(roles);
});

test.each<[string, Claims, string]>([
  ['its address', { email: 'ada@example.org', email_verified: true }, 'ada@example.org via login.example.org'],
  [
    'the subject where nobody has verified the address',
    { email: 'ada@x', email_verified: false },
    'u-1 via login.example.org',
  ],
  [
    'the subject where that is said as a text',
    { email: 'ada@x', email_verified: 'false' },
    'u-1 via login.example.org',
  ],
  ['the subject where there is no address', {}, 'u-1 via login.example.org'],
  ['the subject where the address is no text', { email: 7 }, 'u-1 via login.example.org'],
  ['the subject where the name would break a line', { email: 'ada\n(root)' }, 'u-1 via login.example.org'],
  ['the subject where the name says another provider', { email: 'ada via other' }, 'u-1 via login.example.org'],
])('a person is named by %s', (_, claims, name) => {
  expect(person(claims).name).toBe(name);
});

test('a subject that is no name is told by its sum', () => {
  expect(person({ sub: `${'x'.repeat(254)}!` }).name).toMatch(/^[0-9a-f]{32} via login\.example\.org$/);
  expect(person({ sub: 'a b' }).name).toMatch(/^[0-9a-f]{32} via /);
});

test.each<[string, Partial<SignInOptions>, string]>([
  ['no issuer', { issuer: '' }, 'https://teal.example.org'],
  ['an issuer that is none', { issuer: 'login.example.org' }, 'https://teal.example.org'],
  ['an issuer without TLS', { issuer: 'http://login.example.org' }, 'https://teal.example.org'],
  ['a console without TLS', {}, 'http://teal.example.org'],
  ['a console by an address of others without TLS', {}, 'http://10.0.0.7:7480'],
  ['no client', { clientId: '' }, 'https://teal.example.org'],
  ['an empty secret', { clientSecret: '' }, 'https://teal.example.org'],
  ['no roles', { roles: [] }, 'https://teal.example.org'],
  ['a role that is none', { roles: ['admin=dba'] }, 'https://teal.example.org'],
  ['the role of a program', { roles: ['alert=dba'] }, 'https://teal.example.org'],
  ['a role of nobody', { roles: ['cut='] }, 'https://teal.example.org'],
  ['a scope without openid', { scope: 'email' }, 'https://teal.example.org'],
  ['a session of a month', { sessionMs: 30 * 86_400_000 }, 'https://teal.example.org'],
])('%s is a mistake', (_, more, publicUrl) => {
  expect(() => signInSettings({ ...asked, ...more }, publicUrl)).toThrow(/TEAL-SERVER-036/);
});

test('without TLS only on this very machine', () => {
  for (const url of ['http://127.0.0.1:7480', 'http://localhost:7480/', 'http://[::1]:7480']) {
    expect(signInSettings({ ...asked, issuer: 'http://127.0.0.1:1' }, url).publicUrl.href).toBe(new URL(url).href);
  }
  expect(signInSettings(asked, 'https://ops.example.org/teal').publicUrl.href).toBe('https://ops.example.org/teal/');
});
