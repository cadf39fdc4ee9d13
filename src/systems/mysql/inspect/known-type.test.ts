import { expect, test } from 'vitest';
import { isKnownType } from './known-type.ts';

test.each([
  ['int(10) unsigned', true],
  ['text /*M!100301 COMPRESSED*/', true],
  ['xmltype', false],
  ['', false],
])('%s: %s', (type, known) => expect(isKnownType(type)).toBe(known));
