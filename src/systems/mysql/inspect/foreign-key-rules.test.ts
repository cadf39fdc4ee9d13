import { expect, test } from 'vitest';
import { rulesOf } from './foreign-key-rules.ts';

test('reads what a CREATE TABLE says of its foreign keys', () => {
  const text = [
    'CREATE TABLE `child` (',
    "  `a` int(11) DEFAULT NULL COMMENT 'CONSTRAINT `x` FOREIGN KEY ON DELETE CASCADE',",
    '  KEY `fk_a` (`a`),',
    '  CONSTRAINT `f``k` FOREIGN KEY (`a`) REFERENCES `parent` (`id`) ON DELETE CASCADE ON UPDATE SET NULL,',
    '  CONSTRAINT `plain` FOREIGN KEY (`c`) REFERENCES `other`.`parent` (`code`),',
    '  CONSTRAINT `ON DELETE CASCADE` FOREIGN KEY (`c`) REFERENCES `parent` (`code`) ON UPDATE CASCADE',
    ') ENGINE=InnoDB',
  ].join('\n');
  expect(rulesOf(text)).toEqual([
    { name: 'f`k', on_delete: 'CASCADE', on_update: 'SET NULL' },
    { name: 'plain', on_delete: 'RESTRICT', on_update: 'RESTRICT' },
    { name: 'ON DELETE CASCADE', on_delete: 'RESTRICT', on_update: 'CASCADE' },
  ]);
});
