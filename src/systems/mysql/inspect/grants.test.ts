import { expect, test } from 'vitest';
import { parseGrants } from './grants.ts';

const far = { schema: 'Odd`Name', name: 'far' };

test('an account with all privileges may do everything', () => {
  const grants = parseGrants(['GRANT ALL PRIVILEGES ON *.* TO `root`@`localhost` WITH GRANT OPTION']);
  expect(grants.hasGlobal('RELOAD')).toBe(true);
  expect(grants.hasOnDatabase('shop', 'TRIGGER')).toBe(true);
  expect(grants.hasOnTable(far, 'DELETE')).toBe(true);
});

test('privileges of server, database, table and column are told apart', () => {
  const grants = parseGrants([
    'GRANT USAGE ON *.* TO `rd`@`%`',
    'GRANT REPLICATION SLAVE, BINLOG MONITOR ON *.* TO `rd`@`%`',
    'GRANT CONNECTION_ADMIN,SYSTEM_VARIABLES_ADMIN ON *.* TO `rd`@`%`',
    'GRANT SELECT ON `shop`.* TO `rd`@`%`',
    'GRANT SELECT, INSERT, CREATE ON `te\\_al%`.* TO `rd`@`%`',
    'GRANT SELECT (`id`, `it`), INSERT ON `Odd``Name`.`far` TO `rd`@`%`',
    'GRANT EXECUTE ON PROCEDURE `shop`.`do_it` TO `rd`@`%`',
    'GRANT PROXY ON ``@`%` TO `rd`@`%`',
    'GRANT `r1` TO `rd`@`%`',
    'SET DEFAULT ROLE `r1` FOR `rd`@`%`',
  ]);
  expect(grants.hasGlobal('SUPER', 'SYSTEM_VARIABLES_ADMIN')).toBe(true);
  expect(grants.hasGlobal('REPLICATION SLAVE')).toBe(true);
  expect(grants.hasGlobal('SELECT')).toBe(false);
  expect(grants.hasGlobal('EXECUTE')).toBe(false);
  expect(grants.hasOnDatabase('shop', 'SELECT')).toBe(true);
  expect(grants.hasOnDatabase('SHOP', 'SELECT')).toBe(false);
  expect(grants.hasOnDatabase('shop', 'INSERT')).toBe(false);
  expect(grants.hasOnDatabase('te_al', 'CREATE')).toBe(true);
  expect(grants.hasOnDatabase('te_almost', 'INSERT')).toBe(true);
  expect(grants.hasOnDatabase('texal', 'CREATE')).toBe(false);
  expect(grants.hasOnTable(far, 'INSERT')).toBe(true);
  expect(grants.hasOnTable(far, 'SELECT')).toBe(false);
  expect(grants.hasOnTable({ schema: 'shop', name: 'x' }, 'SELECT')).toBe(true);
});

test('what is revoked of one database again is missing there', () => {
  const grants = parseGrants(['GRANT SELECT, INSERT ON *.* TO `u`@`%`', 'REVOKE INSERT ON `shop`.* FROM `u`@`%`']);
  expect(grants.hasOnDatabase('shop', 'INSERT')).toBe(false);
  expect(grants.hasOnDatabase('shop', 'SELECT')).toBe(true);
  expect(grants.hasOnDatabase('other', 'INSERT')).toBe(true);
});
