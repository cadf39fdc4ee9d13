import { expect, test } from 'vitest';
import { PendingSeal, pendingMs } from './pending.ts';
import { Sessions, type SessionLimits } from './sessions.ts';

const ada = { name: 'ada', roles: ['cut'] } as const;
const limits: SessionLimits = { lastsMs: 1_000, idleMs: 300, ofAll: 4, ofOne: 2 };

function sessionsAt(clock: { nowMs: number }, more: Partial<SessionLimits> = {}): Sessions {
  return new Sessions({ ...limits, ...more }, () => clock.nowMs);
}

test('a session is known by what its browser holds, and ends when it is ended', () => {
  const sessions = sessionsAt({ nowMs: 0 });
  const { secret } = sessions.begin(ada, 'u-1');
  expect(sessions.use(secret)).toMatchObject({ caller: ada, subject: 'u-1', untilMs: 1_000 });
  expect(sessions.use(`${secret}x`)).toBeUndefined();
  expect(sessions.use('')).toBeUndefined();
  expect([sessions.end(secret), sessions.end(secret)]).toEqual([true, false]);
  expect([sessions.use(secret), sessions.lives(secret)]).toEqual([undefined, false]);
});

test('it ends after its time whatever is done in it, and before where nothing is', () => {
  const clock = { nowMs: 0 };
  const sessions = sessionsAt(clock);
  const [busy, idle] = [sessions.begin(ada, 'u-1').secret, sessions.begin(ada, 'u-1').secret];
  for (clock.nowMs = 200; clock.nowMs < 1_000; clock.nowMs += 200) {
    expect(sessions.use(busy)).toBeDefined();
    // To look whether it lives is not to use it.
    expect(sessions.lives(idle)).toBe(clock.nowMs < 300);
  }
  clock.nowMs = 999;
  expect(sessions.use(busy)).toBeDefined();
  clock.nowMs = 1_000;
  expect(sessions.use(busy)).toBeUndefined();
  expect(sessions.open).toBe(0);
});

test('the oldest of a person goes first, and the oldest of all where there are too many people', () => {
  const clock = { nowMs: 0 };
  const sessions = sessionsAt(clock);
  const own = Array.from({ length: 3 }, () => sessions.begin(ada, 'u-1').secret);
  expect(own.map((secret) => sessions.lives(secret))).toEqual([false, true, true]);
  const others = ['u-2', 'u-3', 'u-4'].map((subject) => sessions.begin(ada, subject).secret);
  expect(own.map((secret) => sessions.lives(secret))).toEqual([false, false, true]);
  expect(others.every((secret) => sessions.lives(secret))).toBe(true);
  expect(sessions.open).toBe(4);
});

test('what was begun is opened by whoever has sealed it, for ten minutes, and by nobody else', () => {
  const clock = { nowMs: 0 };
  const seal = new PendingSeal(() => clock.nowMs);
  const pending = { state: 's', nonce: 'n', verifier: 'v' };
  const sealed = seal.close(pending);
  expect(seal.open(sealed)).toEqual({ ...pending, untilMs: pendingMs });
  expect(sealed).not.toContain(Buffer.from('"nonce"').toString('base64url').slice(0, 8));
  expect(new PendingSeal(() => 0).open(sealed)).toBeUndefined();
  for (let at = 0; at < sealed.length; at += 7) {
    const other = sealed[at] === 'A' ? 'B' : 'A';
    expect(seal.open(`${sealed.slice(0, at)}${other}${sealed.slice(at + 1)}`)).toBeUndefined();
  }
  for (const none of ['', 'x', 'A'.repeat(40), 'A'.repeat(1 << 20)]) expect(seal.open(none)).toBeUndefined();
  clock.nowMs = pendingMs;
  expect(seal.open(sealed)).toBeUndefined();
});
