import { describe, expect, test } from 'vitest';
import { isTealError } from '../../src/kernel/errors.ts';
import { findFile } from './python-index.ts';

describe('findFile', () => {
  const json = JSON.stringify({ files: [{ filename: 'a-1.whl', url: '../../files/a-1.whl' }] });
  const html = '<a href="/files/xa-1.whl#sha256=00">xa-1.whl</a>\n<a href="/files/a-1.whl#sha256=11">a-1.whl</a>';

  test('reads both kinds of index page', () => {
    expect(findFile(json, 'a-1.whl')).toBe('../../files/a-1.whl');
    expect(findFile(html, 'a-1.whl')).toBe('/files/a-1.whl');
  });

  test.for([json, html])('a release that is not there is an error', (page) => {
    let thrown: unknown;
    try {
      findFile(page, 'a-2.whl');
    } catch (error) {
      thrown = error;
    }
    expect(isTealError(thrown, 'TEAL-TOOLS-001')).toBe(true);
  });
});
