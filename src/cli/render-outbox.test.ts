import { stripVTControlCharacters } from 'node:util';
import { expect, test } from 'vitest';
import { exposeOutbox } from '../outbox/metrics.ts';
import { renderOutbox } from './render-outbox.ts';

const idle = { pending: 0, countLimit: 100_000, dead: 0, behind: 0, due: 0 };
const log = {
  slot: 'teal_outbox_1',
  state: 'usable',
  isRead: true,
  behindBytes: 1_500_000,
  retainedBytes: 17_000_000,
} as const;

test('the log of an outbox is shown, and what to do where it cannot be read', () => {
  const shown = (look: Parameters<typeof renderOutbox>[0]): string => stripVTControlCharacters(renderOutbox(look));
  expect(shown({ ...idle, log })).toContain('slot teal_outbox_1, read; 1.5 MB behind, the server keeps 17.0 MB for it');
  expect(shown({ ...idle, log: { ...log, isRead: false } })).toContain('read by nobody');
  expect(shown({ ...idle, log: { ...log, state: 'gone' } })).toContain('is gone: teal outbox unfollow');
  expect(shown(idle)).not.toContain('slot');
});

test('metrics of the log are there where the outbox is followed by it', () => {
  const text = exposeOutbox({ ...idle, log });
  expect(text).toMatch(/^teal_outbox_log_usable 1$/m);
  expect(text).toMatch(/^teal_outbox_log_behind_bytes 1500000$/m);
  expect(text).toMatch(/^teal_outbox_log_retained_bytes 17000000$/m);
  expect(exposeOutbox({ ...idle, log: { ...log, state: 'unpublished' } })).toMatch(/^teal_outbox_log_usable 0$/m);
  expect(exposeOutbox(idle)).not.toContain('teal_outbox_log');
});
