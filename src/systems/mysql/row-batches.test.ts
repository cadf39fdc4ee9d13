import { EventEmitter } from 'node:events';
import type { Connection } from 'mysql2';
import { expect, test } from 'vitest';
import { rowBatches, type RawRow } from './row-batches.ts';

/** A driver that emits what it is told; it holds rows back while it rests, as mysql2 does. */
class Driver {
  readonly command = new EventEmitter();
  readonly #held: RawRow[] = [];
  isResting = false;
  rests = 0;

  query(): EventEmitter {
    return this.command;
  }

  pause(): void {
    this.isResting = true;
    this.rests += 1;
  }

  resume(): void {
    this.isResting = false;
    while (!this.isResting && this.#held.length > 0) this.command.emit('result', this.#held.shift());
  }

  send(row: RawRow): void {
    if (this.isResting) this.#held.push(row);
    else this.command.emit('result', row);
  }
}

function read(driver: Driver, ended = new AbortController().signal): AsyncGenerator<readonly RawRow[], void, void> {
  return rowBatches(driver as unknown as Connection, { sql: 'select', values: [] }, ended);
}

const row = (text: string): RawRow => [Buffer.from(text), null];

test('all rows come, in order, as many at a time as there are', async () => {
  const driver = new Driver();
  const batches = read(driver);
  const first = batches.next();
  for (const text of ['a', 'b', 'c']) driver.send(row(text));
  expect(await first).toEqual({ done: false, value: [row('a'), row('b'), row('c')] });
  driver.send(row('d'));
  driver.command.emit('end');
  expect(await batches.next()).toEqual({ done: false, value: [row('d')] });
  expect(await batches.next()).toEqual({ done: true, value: undefined });
});

test('the socket rests while nobody takes rows, and goes on when somebody does', async () => {
  const driver = new Driver();
  const batches = read(driver);
  const first = batches.next();
  for (let n = 0; n < 1_300; n += 1) driver.send(row(String(n)));
  expect(driver.isResting).toBe(true);
  const taken = [...((await first).value ?? [])];
  expect(taken).toHaveLength(512);
  while (taken.length < 1_300) taken.push(...((await batches.next()).value ?? []));
  expect(taken).toEqual(Array.from({ length: 1_300 }, (_, n) => row(String(n))));
  expect(driver).toMatchObject({ isResting: false, rests: 2 });
});

test('a few long rows are enough to rest', async () => {
  const driver = new Driver();
  const batches = read(driver);
  const first = batches.next();
  driver.send([Buffer.alloc(200 << 10)]);
  expect(driver.isResting).toBe(false);
  driver.send([Buffer.alloc(200 << 10)]);
  expect(driver.isResting).toBe(true);
  expect((await first).value).toHaveLength(2);
});

test('an error comes after the rows that were there', async () => {
  const driver = new Driver();
  const batches = read(driver);
  const first = batches.next();
  driver.send(row('a'));
  driver.command.emit('error', new Error('no more'));
  driver.command.emit('end');
  expect((await first).value).toEqual([row('a')]);
  await expect(batches.next()).rejects.toThrow('no more');
});

test('a session that ends wakes whoever waits, although the driver says nothing', async () => {
  const session = new AbortController();
  const next = read(new Driver(), session.signal).next();
  session.abort(new Error('it has ended'));
  await expect(next).rejects.toThrow('it has ended');
});

test('whoever leaves lets the socket go on, so that the end of the answer can come', async () => {
  const driver = new Driver();
  const batches = read(driver);
  const first = batches.next();
  for (let n = 0; n < 600; n += 1) driver.send(row(String(n)));
  await first;
  for (let n = 0; n < 600; n += 1) driver.send(row(String(n)));
  await batches.return();
  expect(driver.isResting).toBe(false);
});
