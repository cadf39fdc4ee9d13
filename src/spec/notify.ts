import { z } from 'zod';
import { isUnexpanded } from './environment.ts';
import type { Mistake } from './mistakes.ts';
import { pathText, type Places } from './places.ts';
import { duration, text } from './words.ts';

/** What somebody can be told of. */
export const noticeKinds = ['stage', 'approval', 'gate', 'cut', 'rolledBack', 'failed', 'ended'] as const;
export type NoticeKind = (typeof noticeKinds)[number];

/** `stage` is for who wants to follow along; the others are for who has to know. */
const toldByDefault: readonly NoticeKind[] = ['approval', 'gate', 'cut', 'rolledBack', 'failed', 'ended'];

export const notifyDocument = z
  .array(
    z.strictObject({
      webhook: z
        .union([text, z.strictObject({ file: text })], 'an https:// URL from the environment, or { file: path }')
        .describe(
          'https:// URL that is posted to. Whoever has it can write there: take it from the environment ("${SLACK_URL}") or a file.',
        ),
      format: z
        .enum(['slack', 'cloudevents'])
        .default('cloudevents')
        .describe(
          '`slack`: a text for an incoming webhook of Slack, or who takes the same. `cloudevents`: JSON of CloudEvents 1.0.',
        ),
      on: z
        .array(z.enum(noticeKinds))
        .min(1)
        .default([...toldByDefault])
        .describe(
          '`stage` begun, ended or undone; `approval`: a person is awaited; `gate` says no, or not yes for `after`; `cut` done; `rolledBack`; `failed`: a step has, or a cut was taken back; `ended`: finalised or aborted. Default: all but `stage`.',
        ),
      after: duration.default(600_000).describe('`gate`: how long it may say "not yet" before somebody is told.'),
    }),
  )
  .max(20)
  .describe('Who is told of what while commands run. docs/guide/notifications.md.');

export interface NotifySpec {
  /** With whatever lets one in. */
  readonly url: string;
  readonly format: 'slack' | 'cloudevents';
  readonly on: readonly NoticeKind[];
  readonly afterMs: number;
}

/** Of a document without mistakes: `urls` in the order of the file. */
export function notifyOf(
  documents: z.infer<typeof notifyDocument> | undefined,
  urls: readonly string[],
): { readonly notify?: readonly NotifySpec[] } {
  if (documents === undefined || documents.length === 0) return {};
  return {
    notify: documents.map(({ format, on, after }, index) => ({ url: urls[index] ?? '', format, on, afterMs: after })),
  };
}

/** Any part of its path may be what lets one in. */
export function printableNotify(notify: NotifySpec): NotifySpec {
  return { ...notify, url: `${originOf(notify.url)}/***` };
}

export function originOf(url: string): string {
  return new URL(url).origin;
}

/** As much of the document as this needs, so that it is looked at also in a document that has mistakes elsewhere. */
const known = z.object({ notify: z.array(z.object({ webhook: z.unknown() }).catch({ webhook: undefined })) });
const inFile = z.strictObject({ file: z.string() });

/** The URLs of webhooks, in the order of the file. `written`: the document before the environment was put in. No mistake repeats any part of one. */
export function readWebhooks(
  plain: unknown,
  written: unknown,
  readText: (path: string) => string | undefined,
  places: Places,
): { readonly urls: readonly string[]; readonly mistakes: readonly Mistake[] } {
  const given = known.safeParse(plain).data?.notify ?? [];
  const asWritten = known.safeParse(written).data?.notify ?? [];
  const urls: string[] = [];
  const mistakes: Mistake[] = [];
  for (const [index, { webhook }] of given.entries()) {
    const path = ['notify', index, 'webhook'];
    const file = inFile.safeParse(webhook);
    const url = file.success ? readText(file.data.file)?.trim() : webhook;
    const wrong = wrongWith(url, file.success, asWritten[index]?.webhook);
    if (wrong !== undefined) mistakes.push({ ...places.ofValue(path), path: pathText(path), message: wrong });
    urls.push(typeof url === 'string' ? url : '');
  }
  return { urls, mistakes };
}

function wrongWith(url: unknown, fromFile: boolean, written: unknown): string | undefined {
  if (fromFile && url === undefined) return 'the file that it names cannot be read';
  // Neither a text nor a file, or a variable that is not set: told already.
  if (typeof url !== 'string' || url === '' || isUnexpanded(url)) return undefined;
  if (typeof written === 'string' && !written.includes('${')) {
    return 'whoever has this URL can write there: take it from the environment ("${SLACK_URL}") or from { file: path }';
  }
  if (!/^https?:\/\//.test(url) || !URL.canParse(url)) return 'expected an https:// URL';
  const { protocol, hostname } = new URL(url);
  if (protocol === 'http:' && !/^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname))
    return 'expected an https:// URL: over http:// everybody on the way can read it';
  return undefined;
}
