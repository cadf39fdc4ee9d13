import { describedApi } from '../src/server/api.ts';
import { writeOrCheck } from './generated-page.ts';

/** Writes the document of the API; `--check` fails when the file in the repository is another one: a change of a shape is seen by whoever makes it. */
writeOrCheck(
  'docs/reference/openapi.json',
  `${JSON.stringify(describedApi(), null, 1)}\n`,
  'tools/openapi-document.ts',
);
