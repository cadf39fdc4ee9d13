import { expect, test } from 'vitest';
import { redact } from './redact.ts';

test.each([
  ['postgres://app:secret@host:5432/shop', 'postgres://app:***@host:5432/shop'],
  ['postgres://app:se@cr@et@host/shop', 'postgres://app:***@host/shop'],
  ['postgres://app:a/b#c@host/shop', 'postgres://app:***@host/shop'],
  [
    '{"blue":"postgres://a:x@h/1","green":"postgres://b:y@h/2"}',
    '{"blue":"postgres://a:***@h/1","green":"postgres://b:***@h/2"}',
  ],
  ['see postgres://host/shop and mail a@b', 'see postgres://host/shop and mail a@b'],
  [`host=h password='it\\'s one' user=u`, 'host=h password=*** user=u'],
  ['postgres://h/d?password=secret&user=u', 'postgres://h/d?password=***'],
])('%s', (text, expected) => {
  expect(redact(text)).toBe(expected);
});
