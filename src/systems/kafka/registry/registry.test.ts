import { describe, expect, test } from 'vitest';
import { readRegistry, schemaRegistries } from './registry.ts';
import { openRegistry, type KeptVersion, type RegistryServer } from './test-support/registry-server.ts';

const avro = (name: string, blank = ''): string => `{"type":"record",${blank}"name":"${name}","fields":[]}`;

function put(server: RegistryServer, subject: string, version: number, kept: KeptVersion): void {
  const versions = server.subjects.get(subject) ?? new Map<number, KeptVersion>();
  versions.set(version, kept);
  server.subjects.set(subject, versions);
}

/** Two subjects, one of which refers to the other, a gap in the versions, a schema that two subjects share, one that is deleted softly, one of Protobuf. */
function fill(server: RegistryServer): void {
  put(server, 'address', 1, { id: 3, schema: avro('Address') });
  put(server, 'a/orders value', 1, { id: 5, schema: avro('Old'), isDeleted: true });
  put(server, 'a/orders value', 3, {
    id: 9,
    schema: avro('Order'),
    references: [{ name: 'Address', subject: 'address', version: 1 }],
  });
  put(server, 'copies', 1, { id: 3, schema: avro('Address') });
  put(server, 'lines', 2, { id: 12, schema: 'syntax = "proto3"; message Line {}', schemaType: 'PROTOBUF' });
  server.configs.set('lines', 'FULL');
}

describe('a copy from one schema registry to another', () => {
  test('has the same versions under the same ids, and leaves no subject open', async () => {
    await using blue = await openRegistry();
    await using green = await openRegistry('other', 'secret');
    fill(blue);
    const registries = schemaRegistries({ blue: blue.url, green: green.url });
    expect((await registries.differences('blue')).missing).toHaveLength(5);
    expect(await registries.copy()).toEqual({ copied: 5 });
    const [ofBlue, ofGreen] = [await readRegistry(blue.url), await readRegistry(green.url)];
    expect(ofGreen.schemas).toEqual(ofBlue.schemas);
    expect(ofGreen.schemas.map(({ subject, version, id, isDeleted }) => [subject, version, id, isDeleted])).toEqual([
      ['a/orders value', 1, 5, true],
      ['a/orders value', 3, 9, false],
      ['address', 1, 3, false],
      ['copies', 1, 3, false],
      ['lines', 2, 12, false],
    ]);
    expect(ofGreen.ownCompatibility).toEqual(new Map([['lines', 'FULL']]));
    expect(green.modes).toEqual(new Map());
    expect(ofBlue.address).not.toContain('teal');
    expect(blue.changes).toEqual([]);

    // What is there is left alone; what comes later is added to it.
    green.changes.length = 0;
    expect(await registries.copy()).toEqual({ copied: 0 });
    expect(green.changes).toEqual([]);
    put(blue, 'copies', 2, { id: 20, schema: avro('More') });
    put(green, 'of green', 1, { id: 900, schema: avro('Own') });
    expect(await registries.differences('blue')).toMatchObject({
      missing: [{ subject: 'copies', id: 20 }],
      conflicts: [],
    });
    expect(await registries.differences('green')).toMatchObject({ missing: [{ subject: 'of green' }] });
    await registries.copy();
    expect(green.subjects.get('copies')?.get(2)?.id).toBe(20);
    expect(green.modes).toEqual(new Map());
  });

  test('that was ended in the middle goes on, and closes what it had opened', async () => {
    await using blue = await openRegistry();
    await using green = await openRegistry();
    fill(blue);
    const registries = schemaRegistries({ blue: blue.url, green: green.url });
    let posts = 0;
    green.refuse = (line) => {
      if (!line.startsWith('POST')) return undefined;
      posts += 1;
      return posts > 2 ? 422 : undefined;
    };
    await expect(registries.copy()).rejects.toThrow(/TEAL-SYSTEMS-681.*as the test says/);
    expect(green.modes).toEqual(new Map());
    green.refuse = () => undefined;
    // As after kill -9: a subject is open still.
    green.modes.set('lines', 'IMPORT');
    expect(await registries.leftOpen()).toEqual(['lines']);
    await registries.copy();
    expect(await registries.leftOpen()).toEqual([]);
    expect((await readRegistry(green.url)).schemas).toEqual((await readRegistry(blue.url)).schemas);
  });

  test('writes nothing where green has something else, or takes no ids', async () => {
    await using blue = await openRegistry();
    await using green = await openRegistry();
    fill(blue);
    const registries = schemaRegistries({ blue: blue.url, green: green.url });
    // The same schema, with other blanks.
    put(green, 'address', 1, { id: 3, schema: avro('Address', ' ') });
    put(green, 'copies', 1, { id: 4, schema: avro('Address') });
    put(green, 'theirs', 1, { id: 12, schema: avro('Theirs') });
    const { conflicts } = await registries.differences('blue');
    expect(conflicts).toEqual([
      'copies version 1 has id 3 here and 4 there',
      'id 12 of lines version 2 is theirs version 1 there',
    ]);
    await expect(registries.copy()).rejects.toThrow(/TEAL-SYSTEMS-682/);
    expect(green.changes).toEqual([]);
    green.subjects.clear();
    green.refuse = (line) => (line.startsWith('PUT /mode') ? 405 : undefined);
    await expect(registries.copy()).rejects.toThrow(/TEAL-SYSTEMS-683/);
    expect(green.subjects.size).toBe(0);
  });

  test('tells who refuses, without a password', async () => {
    await using blue = await openRegistry();
    const wrong = blue.url.replace('p%25%2Fw', 'wrong-one');
    const refused = await readRegistry(wrong).catch(String);
    expect(refused).toMatch(/TEAL-SYSTEMS-681: http:\/\/127\.0\.0\.1:\d+: GET \/subjects\?deleted=true: Unauthorized/);
    expect(refused).not.toContain('wrong-one');
    const { url } = blue;
    await blue[Symbol.asyncDispose]();
    await expect(readRegistry(url)).rejects.toThrow(/TEAL-SYSTEMS-680/);
  });
});
