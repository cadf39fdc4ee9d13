import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isTealError } from '../../kernel/errors.ts';
import { directivesOf, nginxTimeMs, sideIn, withSide } from './directives.ts';

const sides = {
  blue: { upstream: 'db_old', status: '127.0.0.1:8404' },
  green: { upstream: 'db_new', status: '[::1]:8405' },
};
const file = `# default commented;
map $server_port $teal_shop { # default this;
  hostnames;
  default   db_old ; 5433 other;
}
server { listen 127.0.0.1:8404 so_keepalive=on; return $teal_shop; }
server { listen 5432; proxy_pass $teal_shop; }
`;

test('two words of the file change, and nothing else', () => {
  expect(sideIn(file, sides)).toBe('blue');
  const changed = withSide(file, sides, 'green');
  expect(changed).toBe(file.replace('db_old', 'db_new').replace('127.0.0.1:8404', '[::1]:8405'));
  expect(sideIn(changed, sides)).toBe('green');
  expect(withSide(changed, sides, 'blue')).toBe(file);
  expect(withSide(file, sides, 'blue')).toBe(file);
  const half = file.replace('db_old', 'db_new');
  expect(sideIn(half, sides)).toBe('unknown');
  expect(withSide(half, sides, 'green')).toBe(changed);
});

test.each([
  ['nothing', '', 'no `default'],
  ['a comment alone', '# default a;', 'no `default'],
  ['two', 'map $a $b { default a; } map $a $c { default b; }', '2 `default'],
  ['no end', 'map $a $b { default a', 'no `default'],
  ['another thing', 'default a b; default { }', 'no `default'],
  [
    'no place that answers',
    'map $a $b { default a; } server { listen 127.0.0.1:8406; }',
    'no `listen` at 127.0.0.1:8404',
  ],
])('a file with %s is refused', (_, text, why) => {
  expect(() => sideIn(text, sides)).toThrow(
    expect.toSatisfy((error) => isTealError(error, 'TEAL-TRAFFIC-016') && error.message.includes(why)),
  );
});

test('directives as people write them', () => {
  const text = `log_format a '$x "\\'{;}' "b;c"; server {listen \${port}:1;proxy_pass "d e";}\n"not ended`;
  expect(directivesOf(text).map(({ name, words }) => [name, ...words.map(({ value }) => value)])).toEqual([
    ['log_format', 'a', `$x "'{;}`, 'b;c'],
    ['server'],
    ['listen', '${port}:1'],
    ['proxy_pass', 'd e'],
  ]);
});

test('whatever an upstream is called, and whatever stands around it', () => {
  const name = fc.string({ minLength: 1, maxLength: 8 }).filter((text) => !/[\n\\]/.test(text));
  fc.assert(
    fc.property(name, name, fc.string(), (one, other, noise) => {
      fc.pre(one !== other);
      const odd = { blue: { ...sides.blue, upstream: one }, green: { ...sides.green, upstream: other } };
      const text = withSide('map $a $b { default x; } server { listen 127.0.0.1:8404; }\n', odd, 'green');
      expect(sideIn(text, odd)).toBe('green');
      const back = withSide(text, odd, 'blue');
      expect(sideIn(back, odd)).toBe('blue');
      expect(withSide(back, odd, 'green')).toBe(text);
      for (const { words } of directivesOf(noise)) for (const { from, to } of words) expect(to).toBeGreaterThan(from);
    }),
  );
});

test.each([
  ['10', 10_000],
  ['500ms', 500],
  ['1m 30s', 90_000],
  ['1h', 3_600_000],
  ['soon', Number.NaN],
  ['', Number.NaN],
])('the time %s', (text, ms) => {
  expect(nginxTimeMs(text)).toBe(ms);
});
