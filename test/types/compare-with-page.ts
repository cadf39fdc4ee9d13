import { expect } from 'vitest';
import {
  readPage,
  renderSection,
  sectionOf,
  writeSection,
  writeVariable,
  type MatrixRow,
  type MatrixTitle,
} from '../../tools/type-matrix-page.ts';

/** What was seen is what the page says; or becomes it, where the page is being written. */
export function compareWithPage(title: MatrixTitle, rows: readonly MatrixRow[]): void {
  const section = renderSection(title, rows);
  if (process.env[writeVariable] === 'write') writeSection(title, section);
  expect(section.split('\n')).toEqual(sectionOf(readPage(), title)?.split('\n'));
}
