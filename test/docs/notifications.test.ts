import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { noticeKinds } from '../../src/spec/notify.ts';
import { parseSpec } from '../../src/spec/parse.ts';

const page = await readFile('docs/guide/notifications.md', 'utf8');
const head = 'teal: 1\nname: shop\nblue: { url: "postgres://b/shop" }\ngreen: { url: "postgres://g/shop" }\n';

test('the example is right as it stands, and every kind of notice is explained', () => {
  const [, block = ''] = /^```yaml\n(.*?)^```/ms.exec(page) ?? [];
  const url = 'https://hooks.example/x';
  const parsed = parseSpec(`${head}${block}`, { env: { SLACK_URL: url }, readText: () => url });
  expect(parsed.ok ? [] : parsed.mistakes).toEqual([]);
  expect(parsed.ok && parsed.spec.notify).toHaveLength(2);
  const rows = [...page.matchAll(/^\| `(\w+)` \|/gm)].map(([, kind]) => kind);
  expect(rows.filter((row) => row !== 'on')).toEqual([...noticeKinds]);
});

test('every type of event that is named is one that is told, and the other way round', async () => {
  const code = await readFile('src/app/notify/notices.ts', 'utf8');
  const told = [...code.matchAll(/type: '([\w.-]+)'/g)].map(([, type = '']) => type);
  const stages = ['stage.begun', 'stage.ended', 'stage.undone'];
  const [, list = ''] = /^Types: (.*?) `record`/ms.exec(page) ?? [];
  let prefix = '';
  const named = [...list.matchAll(/`(teal)?([\w.-]+)`/g)].map(([, isWhole, name = '']) => {
    if (isWhole === undefined) return `${prefix}${name}`;
    prefix = name.slice(1).replace(/\.[\w-]+$/, '');
    return name.slice(1);
  });
  expect(named.toSorted()).toEqual([...new Set([...told, ...stages])].toSorted());
});
