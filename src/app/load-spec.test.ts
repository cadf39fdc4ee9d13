import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { isTealError } from '../kernel/errors.ts';
import { loadSpec } from './load-spec.ts';

function codeOf(file: string): string {
  try {
    loadSpec(file, {});
    return 'none';
  } catch (error) {
    return isTealError(error) ? error.code : String(error);
  }
}

test('what has no end, is too long, or is a folder is not read to its end', () => {
  const folder = mkdtempSync(join(tmpdir(), 'teal-load-spec-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const at = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  expect(codeOf('/dev/zero')).toBe('TEAL-SPEC-001');
  expect(codeOf(folder)).toBe('TEAL-SPEC-001');
  expect(codeOf(at('long.yaml', '#'.repeat(2 << 20)))).toBe('TEAL-SPEC-001');
  const sides = 'blue: { url: { file: /dev/zero } }\ngreen: { url: { file: /dev/zero } }\n';
  expect(codeOf(at('teal.yaml', `teal: 1\nname: shop\n${sides}`))).toBe('TEAL-SPEC-002');
});
