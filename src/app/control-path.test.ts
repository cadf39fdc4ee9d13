import { tmpdir, userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { controlPath } from './control-path.ts';

test('lies in the state folder where its path is short enough, else in a folder of the user, and never beyond what a socket can have', () => {
  const own = join(tmpdir(), `teal-${userInfo().uid}`);
  const paths = new Set<string>();
  for (let length = 1; length <= 300; length += 1) {
    const state = `/${'é'.repeat(length)}`;
    const path = controlPath(state, 'proxy');
    expect(Buffer.byteLength(path)).toBeLessThanOrEqual(100);
    expect([state, own]).toContain(dirname(path));
    expect(controlPath(state, 'proxy')).toBe(path);
    paths.add(path);
  }
  expect(paths.size).toBe(300);
});
