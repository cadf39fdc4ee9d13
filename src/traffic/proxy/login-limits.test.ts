import { describe, expect, test } from 'vitest';
import { LoginLimits, TooManyFailures } from './login-limits.ts';

function limits(): {
  readonly guess: (user: string, address: string) => boolean;
  readonly allowed: (user: string, address: string) => boolean;
  readonly pass: (ms: number) => void;
  readonly told: string[];
} {
  let nowMs = 5;
  const told: string[] = [];
  const all = new LoginLimits(
    (user, address) => told.push(`${user} ${address}`),
    () => nowMs,
  );
  const allowed = (user: string, address: string): boolean => {
    try {
      all.attempts(user, address).check();
      return true;
    } catch (error) {
      expect(error).toBeInstanceOf(TooManyFailures);
      return false;
    }
  };
  const guess = (user: string, address: string): boolean => {
    if (!allowed(user, address)) return false;
    all.attempts(user, address).failed();
    return true;
  };
  return { guess, allowed, pass: (ms) => (nowMs += ms), told };
}

const count = (times: number, guess: () => boolean): number =>
  Array.from({ length: times }, guess).filter(Boolean).length;

describe('failed logins are bounded', () => {
  test('of one role from one address: 20 at once, then one in two seconds', () => {
    const { guess, pass, told } = limits();
    expect(count(1_000, () => guess('app', '10.0.0.1'))).toBe(20);
    pass(1_999);
    expect(guess('app', '10.0.0.1')).toBe(false);
    pass(1);
    expect(count(10, () => guess('app', '10.0.0.1'))).toBe(1);
    pass(3_600_000);
    expect(count(1_000, () => guess('app', '10.0.0.1'))).toBe(20);
    expect(told).toEqual(Array.from({ length: 3 }, () => 'app 10.0.0.1'));
  });

  test('other roles and other addresses are not kept out with it', () => {
    const { guess, allowed } = limits();
    count(1_000, () => guess('app', '10.0.0.1'));
    expect([allowed('app', '10.0.0.1'), allowed('app', '10.0.0.2'), allowed('web', '10.0.0.1')]).toEqual([
      false,
      true,
      true,
    ]);
  });

  test('of one address, whatever the role', () => {
    const { guess, pass } = limits();
    let name = 0;
    expect(count(1_000, () => guess(`role ${(name += 1)}`, '10.0.0.1'))).toBe(200);
    pass(1_000);
    expect(count(1_000, () => guess(`role ${(name += 1)}`, '10.0.0.1'))).toBe(4);
  });

  test.each([
    ['2001:db8:0:1::5', '2001:db8:0:1:ffff::9', false],
    ['2001:db8:0:1::5', '2001:db8:0:2::5', true],
    ['::ffff:10.0.0.1', '10.0.0.1', false],
    ['fe80::1%eth0', 'fe80::2%eth0', false],
    ['::1', '1::', true],
  ])('%s limits %s: %s', (limited, asked, free) => {
    const { guess, allowed } = limits();
    count(100, () => guess('app', limited));
    expect(allowed('app', asked)).toBe(free);
  });

  test('many names do not fill the memory, and do not free the address that sends them', () => {
    const { guess, allowed } = limits();
    for (let n = 0; n < 30_000; n += 1) guess('app', `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`);
    count(1_000, () => guess('app', '192.0.2.1'));
    expect(allowed('app', '192.0.2.1')).toBe(false);
  });

  test('of several processes together: each counts what the others are told', () => {
    const told: string[] = [];
    const all: LoginLimits[] = Array.from(
      { length: 2 },
      (_, at) =>
        new LoginLimits(
          (user) => told.push(`${at} ${user}`),
          () => 5,
          (user, address) => all[1 - at]?.count(user, address),
        ),
    );
    const guess = (at: number): boolean => {
      const attempts = all[at % 2]?.attempts('app', '10.0.0.1');
      try {
        attempts?.check();
        attempts?.failed();
        return true;
      } catch {
        return false;
      }
    };
    expect(Array.from({ length: 100 }, (_, at) => guess(at)).filter(Boolean)).toHaveLength(20);
    expect(told).toEqual(['1 app']);
  });
});
