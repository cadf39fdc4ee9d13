import { describe, expect, test } from 'vitest';
import { CustomSettings } from './custom-settings.ts';

describe('names of settings with a dot', () => {
  test.each([
    ["set app.tenant = '4'", ['app.tenant']],
    ['SET SESSION App.Tenant TO 4', ['app.tenant']],
    ['begin; set local "app"."tenant" = 4; commit', ['app.tenant']],
    ["select set_config('app.tenant', $1, false)", ['app.tenant']],
    [
      "select pg_catalog.SET_CONFIG( 'app.tenant','x',false), set_config('app.user','y',true)",
      ['app.tenant', 'app.user'],
    ],
    ['select * from settings where app.tenant = 4', []],
    ['set timezone to utc', []],
  ])('%s', (sql, names) => {
    const settings = new CustomSettings();
    settings.readStatement(sql);
    expect(settings.names).toEqual(names);
  });

  test('come from parameters where the statement does not name them', () => {
    const settings = new CustomSettings();
    expect(settings.readStatement('select set_config($1, $2, false)')).toBe(true);
    expect(settings.readStatement("select set_config('a.b', $1, false)")).toBe(false);
    settings.readParameters('\0\0\0\x0aapp.tenant\0\0\0\x014');
    expect(settings.names).toContain('app.tenant');
  });

  test('are bounded', () => {
    const settings = new CustomSettings();
    for (let n = 0; n < 2_000; n += 1) settings.add(`app.n${n}`);
    expect(settings.names).toHaveLength(1_000);
    expect(settings.overflowed).toBe(true);
  });
});
