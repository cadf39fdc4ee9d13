import { expect, test } from 'vitest';
import { versionIn } from './peer-program.ts';

test.each([
  ['mysqldump  Ver 8.0.33 for Linux on x86_64 (MySQL Community Server - GPL)', '8.0.33'],
  ['mariadb-dump  Ver 10.19 Distrib 10.11.14-MariaDB, for debian-linux-gnu (x86_64)', '10.11.14'],
  ['mydumper 0.10.1, built against MySQL 10.11.6', '0.10.1'],
  ['pgloader version "3.6.9"\ncompiled with SBCL 2.2.9.debian', '3.6.9'],
  ['sysbench 1.0.20', '1.0.20'],
  ['a program', 'of unknown version'],
])('%s is version %s', (said, version) => {
  expect(versionIn(said)).toBe(version);
});
