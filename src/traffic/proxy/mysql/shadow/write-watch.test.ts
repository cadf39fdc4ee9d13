import { expect, test } from 'vitest';
import { encodePacket } from '../../../../wire/mysql/packets.ts';
import { encodeOk } from '../../../../wire/mysql/replies.ts';
import type { SkipReason } from '../../shadow/skip-reason.ts';
import { pristine } from '../session-state.ts';
import type { MysqlSessionFacts, MysqlWriteSample } from './sample.ts';
import { MysqlTap } from './tap.ts';
import { namesAsSaid } from './databases.ts';
import { judgeText } from './judge.ts';

const capabilities = { base: 0, mariadb: 0 };
const login = {
  user: 'app',
  credential: { kind: 'none' as const },
  database: undefined,
  capabilities: 0,
  collation: 45,
  maxPacketBytes: 1 << 24,
  attributes: new Map(),
};
const databases = namesAsSaid(['shop']);

/** One client, statement by statement; what it has open is as a server would tell. */
class Client {
  readonly offered: string[][] = [];
  readonly skipped: SkipReason[] = [];
  readonly #tap: MysqlTap;
  #inTransaction = false;

  constructor(database = 'shop') {
    const session: MysqlSessionFacts = { login, state: { ...pristine, database: Buffer.from(database) } };
    this.#tap = new MysqlTap(
      {
        isOpen: true,
        isOver: false,
        draws: () => false,
        judge: (text) => judgeText(text, new Set(), { databases }),
        skip: () => undefined,
        offer: () => undefined,
        drawsWrite: () => true,
        isCopied: ({ state }) => state.database?.toString() === 'shop',
        skipWrite: (why) => this.skipped.push(why),
        offerWrite: ({ statements }: MysqlWriteSample) =>
          this.offered.push(
            statements.map(({ question, said, firstId }) => `${question.sql.toString()}: ${said}, ${firstId}`),
          ),
      },
      session,
    );
  }

  says(sql: string, then: { readonly failed?: boolean; readonly inTransaction?: boolean } = {}): void {
    const command = { sql: Buffer.from(sql), isPrepared: false, isLiteralBackslash: false, mayHaveWritten: false };
    this.#tap.client({ ...command, inTransaction: this.#inTransaction, capabilities });
    const ok = { affectedRows: 2n, lastInsertId: 7n, status: 2, warnings: 0, info: '' };
    this.#tap.answer(encodePacket(1, encodeOk(ok, capabilities)));
    this.#inTransaction = then.inTransaction ?? this.#inTransaction;
    this.#tap.answered(/autocommit/i.test(sql), { failed: then.failed ?? false, inTransaction: this.#inTransaction });
  }
}

const written = (...texts: readonly string[]): readonly string[] => texts.map((text) => `${text}: 2 rows, 7`);

test('a statement alone, and what lies between BEGIN and COMMIT, is offered once it is committed', () => {
  const client = new Client();
  client.says('update t set a = 1');
  client.says('begin', { inTransaction: true });
  client.says('insert into t values (1)');
  client.says('select * from t');
  client.says('delete from t');
  expect(client.offered).toEqual([written('update t set a = 1')]);
  client.says('commit', { inTransaction: false });
  expect(client.offered[1]).toEqual(written('insert into t values (1)', 'delete from t'));
  expect(client.skipped).toEqual([]);
});

test('without autocommit, and where one transaction follows another at once', () => {
  const client = new Client();
  client.says('SET autocommit=0');
  client.says('update t set a = 1', { inTransaction: true });
  client.says('update t set a = 2');
  client.says('set @@session.autocommit = ON', { inTransaction: false });
  client.says('begin', { inTransaction: true });
  client.says('update t set a = 3');
  // It was so already, and ends nothing.
  client.says('set autocommit = 1');
  client.says('rollback', { inTransaction: false });
  expect(client.offered).toEqual([written('update t set a = 1', 'update t set a = 2')]);
  const other = new Client();
  other.says('update t set a = 1', { inTransaction: true });
  other.says('begin', { inTransaction: true });
  other.says('update t set a = 2');
  other.says('commit and chain', { inTransaction: true });
  other.says('update t set a = 3');
  other.says('rollback and chain', { inTransaction: true });
  other.says('update t set a = 4');
  other.says('commit', { inTransaction: false });
  expect(other.offered).toEqual([1, 2, 4].map((a) => written(`update t set a = ${a}`)));
  expect([...client.skipped, ...other.skipped]).toEqual([]);
});

test('what was not committed, or not whole, is not offered', () => {
  const client = new Client();
  client.says('update t set a = 1', { failed: true });
  client.says('begin', { inTransaction: true });
  client.says('update t set a = 2');
  client.says('rollback', { inTransaction: false });
  expect(client.skipped).toEqual([]);
  client.says('begin', { inTransaction: true });
  client.says('update t set a = 3');
  client.says('update t set a = 3.5', { failed: true });
  client.says('commit', { inTransaction: false });
  client.says('begin', { inTransaction: true });
  client.says('update t set a = 4');
  client.says('alter table t add b int', { inTransaction: false });
  client.says('begin', { inTransaction: true });
  client.says('update t set a = 5');
  client.says('savepoint x');
  client.says('commit', { inTransaction: false });
  expect(client.skipped).toEqual(Array.from({ length: 3 }, () => 'a part of its transaction is not repeated'));
  client.says('alter table t add c int');
  client.says('update t set a = last_insert_id()');
  client.says('begin', { inTransaction: true });
  for (let at = 0; at < 21; at += 1) client.says(`update t set a = ${at}`);
  client.says('commit', { inTransaction: false });
  expect(client.skipped.slice(3)).toEqual(['depends on its session', 'too large a transaction']);
  expect(client.offered).toEqual([]);
});

test('what a client of another database writes is of other tables', () => {
  const client = new Client('stock');
  client.says('update t set a = 1');
  client.says('select 1');
  expect([client.offered, client.skipped]).toEqual([[], ['names another database']]);
});
