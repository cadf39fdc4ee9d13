import { readFile, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { tmpdir } from 'node:os';
import { Client } from 'pg';
import { expect, test } from 'vitest';
import { sleep, waitFor } from '../../src/kernel/clock.ts';
import { runNode, tealPlace, type Ran, type TealPlace } from '../support/teal-place.ts';
import { tealMain } from '../support/program.ts';

/** In every secret, so that any part of one is found. Those of URLs hold what has to be escaped there. */
const marker = 'PlantedSecret';
/** In what the schema itself says: only the dump of the schema may hold it. */
const schemaText = 'PlantedText';
const passwords = { blue: `${marker}@blue:/ %?#`, green: `${marker}&green=';` };
const appPassword = `${marker} of the application`;

const schema = `create role app login password '${appPassword}';
  create table customer (id int primary key, name text unique, note text, raw bytea);
  insert into customer select n, '${marker} row ' || n, '${marker}', '${marker}'::bytea from generate_series(1, 300) n;
  create table keyless (what text); insert into keyless select '${marker}' from generate_series(1, 20);
  create table defaulted (id int primary key, token text default '${schemaText}', check (token <> '${schemaText}x'));
  create function hidden() returns text language sql as $$ select '${schemaText}' $$;
  comment on table customer is '${schemaText}';
  grant all on all tables in schema public to app`;

/** Everything that Teal says and writes, looked through for what it must not hold. */
class Watch {
  readonly #needles: string[] = [marker, schemaText, Buffer.from(marker).toString('hex')];
  readonly found = new Set<string>();
  readonly #stop = new AbortController();
  readonly #titles: Promise<void>;
  titlesSeen = 0;

  constructor() {
    // Of the three ways in which base64 can cut it, what does not depend on its neighbours.
    for (const lead of ['', 'x', 'xx'])
      this.#needles.push(Buffer.from(`${lead}${marker}`).toString('base64').slice(4, -4));
    this.#titles = this.#watchTitles();
  }

  alsoLookFor(...needles: readonly string[]): void {
    this.#needles.push(...needles);
  }

  look(where: string, text: string): void {
    const found = this.#needles.find((needle) => text.includes(needle));
    if (found === undefined) return;
    const at = text.indexOf(found);
    this.found.add(`${where}: ${text.slice(Math.max(0, at - 100), at + 60)}`);
  }

  said(what: string, ran: Ran): Ran {
    this.look(`${what}, standard output`, ran.out);
    this.look(`${what}, standard error`, ran.err);
    return ran;
  }

  async end(): Promise<void> {
    this.#stop.abort();
    await this.#titles;
  }

  async #watchTitles(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
        const title = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
        this.titlesSeen += 1;
        // A shell that a person left open on this machine says what its own command line says.
        if (!title.includes('vitest')) this.look(`title of ${title.slice(0, 60)}`, title);
      }
      await sleep(50, this.#stop.signal).catch(() => undefined);
    }
  }
}

/** All but the spool, which is the data on its way. */
async function lookThroughFiles(watch: Watch, place: TealPlace): Promise<number> {
  // Nobody else can look for it either.
  expect((await stat(join(place.folder, '.teal', 'shop'))).mode & 0o077).toBe(0);
  const places = [join(place.folder, '.teal'), place.file, ...(await leftInTemporary())];
  let files = 0;
  for (const from of places) {
    const listed = await readdir(from, { recursive: true, withFileTypes: true }).catch(() => undefined);
    const paths = listed?.filter((each) => each.isFile()).map((each) => join(each.parentPath, each.name)) ?? [from];
    for (const path of paths.filter((each) => !/\/spool\//.test(each))) {
      files += 1;
      const text = await readFile(path, 'latin1').catch(() => '');
      watch.look(path, path.endsWith('/schema.dump') ? text.replaceAll(schemaText, '') : text);
    }
  }
  return files;
}

async function leftInTemporary(): Promise<readonly string[]> {
  const names = await readdir(tmpdir());
  return names.filter((name) => name.startsWith('teal-control-')).map((name) => join(tmpdir(), name));
}

async function throughProxy(place: TealPlace, password: string, sql: string): Promise<string> {
  const client = new Client({ host: '127.0.0.1', port: place.port, user: 'app', password, database: 'postgres' });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query(sql);
    return 'done';
  } catch (error) {
    return String(Reflect.get(Object(error), 'code'));
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function killWorkers(place: TealPlace): Promise<number> {
  let killed = 0;
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const title = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (!title.includes('carrier-main') || !title.includes(place.folder)) continue;
    process.kill(Number(pid), 'SIGKILL');
    killed += 1;
  }
  return killed;
}

test('no secret and no value of a row is in anything that Teal says or writes', async () => {
  await using place = await tealPlace({
    schema,
    passwords,
    clientAuth: 'scram',
    spec: `cutover: { gates: [{ verify: full }, { person: dba }] }`,
  });
  const watch = new Watch();
  try {
    const stored = await place.query('blue', `select rolpassword as v from pg_authid where rolpassword is not null`);
    for (const row of stored) watch.alsoLookFor(...(row['v'] ?? '').split(/[$:]/).filter((part) => part.length > 15));
    const teal = async (...args: readonly string[]): Promise<Ran> =>
      watch.said(args.join(' '), await place.teal(...args));
    const ends = async (code: number, ...args: readonly string[]): Promise<void> => {
      const ran = await teal(...args);
      expect(ran.code, `${args.join(' ')}: ${ran.err}${ran.out}`).toBe(code);
    };
    const failing = async (
      what: string,
      env: Readonly<Record<string, string>>,
      ...args: readonly string[]
    ): Promise<Ran> => watch.said(what, await runNode(place.folder, { ...place.env, ...env }, tealMain, ...args));

    // What fails before anything begins.
    const wrong = place.blue.url.replace(/:[^:@]*@/, `:${marker}-wrong@`);
    expect(await failing('a wrong password', { BLUE_URL: wrong }, 'up')).not.toMatchObject({ code: 0 });
    expect(
      await failing('a wrong password', { GREEN_URL: wrong.replace('postgres:', 'postgres://') }, 'assess'),
    ).not.toMatchObject({ code: 0 });
    expect(
      await failing('a wrong port', { GREEN_URL: place.green.url.replace(/:\d+\//, ':1/') }, 'assess'),
    ).not.toMatchObject({ code: 0 });
    expect(await failing('no address', { GREEN_URL: `postgres:/${marker}` }, 'plan')).toMatchObject({ code: 2 });
    const broken = join(place.folder, 'broken.yaml');
    await writeFile(
      broken,
      `teal: 1\nname: x\nblue: { url: "postgres://a:${marker}@h/d" }\ngreen: { url: [ "${marker}" ]\npassword: ${marker}\n`,
    );
    expect(await failing('a broken file', {}, 'up', '-f', broken)).toMatchObject({ code: 2 });
    await writeFile(
      broken,
      `teal: 1\nname: x\nblue: { url: "postgres://a:${marker}@h/d" }\ngreen: { url: "postgres://b:${marker}@h/d", pasword: "${marker}" }\n`,
    );
    expect(await failing('a file with passwords', {}, 'up', '-f', broken)).toMatchObject({ code: 2 });

    await ends(0, 'assess', '--out', '.teal-inventory.md');
    watch.look('the inventory', await readFile(join(place.folder, '.teal-inventory.md'), 'utf8'));
    await ends(0, 'plan');
    await ends(4, 'up');

    // Clients, the right one and wrong ones, and statements that fail with values in their words.
    expect(await throughProxy(place, `${marker} guessed`, 'select 1')).toBe('28P01');
    const insert = `insert into customer values (1000, '${marker} row 1000', '${marker}')`;
    expect(await throughProxy(place, appPassword, insert)).toBe('done');
    expect(await throughProxy(place, appPassword, insert)).toBe('23505');
    expect(await throughProxy(place, appPassword, `set app.token = '${marker}'; selct '${marker}'`)).toBe('42601');

    // A row that green will not take: the server's own words hold it.
    await place.query(
      'green',
      `set session_replication_role = replica; insert into customer values (2000, '${marker} row 2001')`,
    );
    expect(await throughProxy(place, appPassword, `insert into customer values (2001, '${marker} row 2001')`)).toBe(
      'done',
    );
    await waitFor({ what: 'the flow to stop', timeoutMs: 60_000, everyMs: 500 }, async () => {
      const { out } = await teal('status', '--json');
      return /TEAL-SY[A-Z]+-\d+/.test(out) || undefined;
    });
    await teal('status');
    await place.query('green', 'set session_replication_role = replica; delete from customer where id = 2000');

    // Killed in the middle, and started again.
    expect(await killWorkers(place)).toBeGreaterThan(0);
    expect(await throughProxy(place, appPassword, `update customer set note = '${marker} 2' where id < 50`)).toBe(
      'done',
    );
    await ends(4, 'up');
    await ends(0, 'cutover');
    expect(await throughProxy(place, appPassword, `update customer set note = '${marker} 3' where id < 60`)).toBe(
      'done',
    );
    await ends(0, 'rollback');
    await ends(0, 'verify');
    await ends(0, 'cutover', '--events');
    await teal('proxy', '--status', '--json');
    await teal('report');
    expect(await lookThroughFiles(watch, place)).toBeGreaterThan(15);
    await ends(0, 'finalise', '--early', '--yes', '--stop-proxy');
    expect(await lookThroughFiles(watch, place)).toBeGreaterThan(10);
  } finally {
    await watch.end();
    // Also when something else went wrong before.
    expect([...watch.found]).toEqual([]);
  }
  expect(watch.titlesSeen).toBeGreaterThan(1_000);
});

test('the watch finds what is planted', async () => {
  const watch = new Watch();
  watch.look('plain', `a ${marker} b`);
  watch.look('hex', `\\x00${Buffer.from(marker).toString('hex')}`);
  for (const lead of ['', '1', '12'])
    watch.look(`base64 ${lead}`, Buffer.from(`${lead}${marker} and more`).toString('base64'));
  await watch.end();
  expect(watch.found.size).toBe(5);
});
