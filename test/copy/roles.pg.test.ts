import { randomBytes } from 'node:crypto';
import { Client } from 'pg';
import { expect, test } from 'vitest';
import { copyRoles, dropCreatedRoles, probeRoles } from '../../src/systems/postgres/roles.ts';
import { connect } from '../../src/systems/postgres/connection.ts';
import { installTealSchema } from '../../src/systems/postgres/teal-schema.ts';
import { blueMajor, greenMajor, ownServer, testDatabase } from '../support/postgres.ts';

const signal = new AbortController().signal;

test('roles come with passwords, memberships, settings and rights; what is there stays; and they go again', async () => {
  await using blueServer = await ownServer(blueMajor());
  await using greenServer = await ownServer(greenMajor(), { auth: 'scram-sha-256', superuserPassword: 'root' });
  await using blue = await testDatabase(blueServer);
  await using green = await testDatabase(greenServer);
  await using session = await connect({ url: green.url, applicationName: 'test' });
  await installTealSchema(session, 'green');
  const password = `p'\\"${randomBytes(4).toString('hex')}`;
  await blue.query(`
    create role "owner ""x""" createdb noinherit;
    create role app login password '${password.replaceAll("'", "''")}' connection limit 7 valid until '2040-01-01 00:00:00+00';
    create role reader; create role "there" login password 'one'; create role watcher login;
    grant reader to app with admin option; grant pg_monitor to watcher; grant "owner ""x""" to app;
    alter role app set search_path to "$user", "odd, schema", public;
    alter role app set app.greeting = 'it''s';
    alter role app in database ${blue.name} set work_mem = '5MB';
    alter database ${blue.name} set statement_timeout = '17min';
    alter database ${blue.name} set lock_timeout = '1min';
    grant create, connect on database ${blue.name} to reader with grant option; revoke temporary on database ${blue.name} from public`);
  await green.query(
    `create role "there" login createdb password 'two'; alter database ${green.name} set lock_timeout = '2min'`,
  );
  const options = { sourceUrl: blue.url, targetUrl: green.url, signal };

  expect(await probeRoles(options)).toEqual({ state: 'not done' });
  const report = await copyRoles(options);
  expect(report.created).toEqual(['app', 'owner "x"', 'reader', 'watcher']);
  expect(report.findings).toEqual([
    'role there has other attributes and another password on the target',
    'setting lock_timeout of the database differs',
    `PUBLIC has temporary on the target's database, and not on the source's`,
  ]);
  expect(JSON.stringify(report)).not.toContain('SCRAM');
  expect(await probeRoles(options)).toMatchObject({ state: 'done' });
  expect((await copyRoles(options)).created).toEqual([]);

  const attributes = `select rolname, rolcreatedb, rolinherit, rolcanlogin, rolconnlimit, rolvaliduntil = '2040-01-01 00:00:00+00' as until, rolpassword from pg_authid where rolname in ('app', 'owner "x"', 'reader', 'watcher') order by 1`;
  expect(await green.query(attributes)).toEqual(await blue.query(attributes));
  const members = `select r.rolname as role, m.rolname as member, admin_option from pg_auth_members a join pg_roles r on r.oid = roleid join pg_roles m on m.oid = member where m.rolname !~ '^pg_' order by 1, 2`;
  expect(await green.query(members)).toEqual(await blue.query(members));
  const settings = `select coalesce(r.rolname, '') as role, unnest(setconfig) as item from pg_db_role_setting s left join pg_roles r on r.oid = setrole where not (setrole = 0 and 'lock_timeout' = any (setconfig)) order by 1, 2`;
  const inBlue = (await blue.query(settings)).filter((row) => !row['item']?.startsWith('lock_timeout'));
  expect((await green.query(settings)).filter((row) => !row['item']?.startsWith('lock_timeout'))).toEqual(inBlue);

  const url = new URL(green.url);
  url.username = 'app';
  url.password = encodeURIComponent(password);
  const app = new Client(url.href);
  await app.connect();
  expect((await app.query('show search_path')).rows).toEqual([{ search_path: '"$user", "odd, schema", public' }]);
  expect((await app.query('show work_mem')).rows).toEqual([{ work_mem: '5MB' }]);
  expect((await app.query('select has_database_privilege(current_database(), $1) as may', ['create'])).rows).toEqual([
    { may: true },
  ]);
  await app.end();

  expect(await dropCreatedRoles(green.url, signal)).toEqual(['app', 'owner "x"', 'reader', 'watcher']);
  expect(await dropCreatedRoles(green.url, signal)).toEqual([]);
  expect(await green.query(`select rolname from pg_roles where rolname !~ '^pg_' order by 1`)).toEqual([
    { rolname: 'postgres' },
    { rolname: 'there' },
  ]);
});
