import type { CanaryFindings } from '../app/read-canary.ts';
import { hang } from '../plan/wrap.ts';

const shownStatements = 10;
const howHome = '`teal up` goes on with the canary; `teal canary abort` and then `teal up` brings them home.';

/** Lines of `teal status`: how much green answers, and the statements that somebody should look at. */
export function canaryLines(canary: CanaryFindings): readonly string[] {
  return [...tenantLines(canary), ...readLines(canary)];
}

function tenantLines({ tenants, paused }: CanaryFindings): readonly string[] {
  // Where they are at home nothing is out of the ordinary.
  if (tenants === undefined || (tenants.side === 'blue' && !tenants.holding && !paused)) return [];
  const { side, holding, sessions, judged } = tenants;
  const where = holding ? 'their sessions wait' : `on ${side}, ${sessions} sessions`;
  const left = side === 'green' && !judged ? `: NOBODY JUDGES THEM, and no cut is made. ${howHome}` : '';
  return hang('  tenants    ', `${where}${paused ? ', paused' : ''}${left}`, 80);
}

function readLines(canary: CanaryFindings): readonly string[] {
  const { share, sessions, waiting, reads, errors, unanswered, behind, paused, statements } = canary;
  if (share === 0 && reads === 0 && (!paused || canary.tenants !== undefined)) return [];
  const now = share === 0 ? 'every read goes to blue' : `${Number((share * 100).toFixed(3))}% of sessions`;
  const counts = [
    paused ? 'paused' : now,
    ...(share === 0 ? [] : [`${sessions} on green`, `${waiting} waiting`]),
    `${reads} reads answered by green`,
    `${errors} errors`,
    `${unanswered} unanswered`,
    `${behind} left to blue by lag`,
  ];
  const odd = statements.filter((it) => it.errors > 0 || it.unanswered > 0 || it.slower !== undefined);
  return [
    ...hang('  canary     ', counts.join(', '), 80),
    ...odd.slice(0, shownStatements).flatMap(({ statement, errors: failed, lastError, unanswered: late, slower }) => {
      const why = [
        ...(failed > 0 ? [`${failed} errors, last ${lastError ?? ''}`] : []),
        ...(late > 0 ? [`${late} unanswered`] : []),
        ...(slower === undefined ? [] : [slower]),
      ];
      return [...hang('    reads    ', statement, 80), ...why.flatMap((text) => hang('             ', text, 80))];
    }),
    ...(odd.length > shownStatements
      ? [`             and ${odd.length - shownStatements} more: teal status --json`]
      : []),
  ];
}
