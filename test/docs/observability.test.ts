import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { describe, expect, test } from 'vitest';
import { metrics } from '../../src/observe/metrics.ts';

interface Rules {
  readonly groups: readonly { readonly rules: readonly { readonly alert: string; readonly expr: string }[] }[];
}
interface Dashboard {
  readonly panels: readonly { readonly title: string; readonly targets: readonly { readonly expr: string }[] }[];
  readonly templating: { readonly list: readonly { readonly query: unknown }[] };
}

const alertsFile = 'examples/prometheus/alerts.yml';
const rules = (parse(readFileSync(alertsFile, 'utf8')) as Rules).groups.flatMap((group) => group.rules);
const dashboard = JSON.parse(readFileSync('examples/grafana/teal.json', 'utf8')) as Dashboard;
const queries = dashboard.panels.flatMap(({ title, targets }) => targets.map(({ expr }) => ({ title, expr })));

/** What Prometheus adds to every series of a target. */
const added = ['instance', 'job'];
const documented = new Map<string, readonly string[]>(metrics.map(({ name, labels }) => [name, [...labels, ...added]]));
documented.set('up', added);

/** Names and labels that are not documented. */
function strangers(expr: string): readonly string[] {
  const found: string[] = [];
  for (const [, name = '', selector = ''] of expr.matchAll(/\b(teal_\w+|up)\b(?:\{([^}]*)\})?/g)) {
    const labels = documented.get(name);
    if (labels === undefined) found.push(name);
    for (const [, label = ''] of selector.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)) {
      if (labels?.includes(label) !== true) found.push(`${name}{${label}}`);
    }
  }
  return found;
}

test('a name or a label that is not documented is found', () => {
  expect(strangers('teal_lag > 1 or teal_flow_up{side="blue", flow="forward"} == 0')).toEqual([
    'teal_lag',
    'teal_flow_up{side}',
  ]);
});

test.each(rules)('the alert $alert uses documented names', ({ expr }) => {
  expect(expr).toMatch(/\b(teal_\w+|up)\b/);
  expect(strangers(expr)).toEqual([]);
});

test.each(queries)('the panel $title uses documented names: $expr', ({ expr }) => {
  expect(expr).toMatch(/\bteal_\w+/);
  expect(strangers(expr)).toEqual([]);
});

test('the dashboard chooses among instances by a documented name', () => {
  expect(strangers(JSON.stringify(dashboard.templating.list))).toEqual([]);
});

/** Of Prometheus, which no registry of npm has: `TEAL_PROMTOOL`, or on PATH. */
const promtool = process.env['TEAL_PROMTOOL'] ?? 'promtool';
const isThere = spawnSync(promtool, ['--version']).status === 0;

describe.skipIf(!isThere)('promtool reads', () => {
  const check = (...args: readonly string[]): string => {
    const { status, stdout, stderr } = spawnSync(promtool, [...args], { encoding: 'utf8' });
    return status === 0 ? 'ok' : `${stdout}${stderr}`;
  };

  test('the alerts', () => expect(check('check', 'rules', '--lint-fatal', alertsFile)).toBe('ok'));

  test('the alerts, and they fire when they should', () =>
    expect(check('test', 'rules', 'examples/prometheus/alerts.test.yml')).toBe('ok'));

  test('the queries of the dashboard', () => {
    const folder = mkdtempSync(join(tmpdir(), 'teal-promtool-'));
    const file = join(folder, 'queries.yml');
    const asRules = queries.map(({ expr }, index) => ({
      record: `teal:query_${index}`,
      expr: expr.replaceAll('$__rate_interval', '1m'),
    }));
    writeFileSync(file, stringify({ groups: [{ name: 'dashboard', rules: asRules }] }));
    const said = check('check', 'rules', file);
    rmSync(folder, { recursive: true, force: true });
    expect(said).toBe('ok');
  });
});
