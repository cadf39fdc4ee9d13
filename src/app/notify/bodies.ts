import type { NotifySpec } from '../../spec/notify.ts';
import type { Notice } from './notices.ts';

export interface Body {
  readonly contentType: string;
  readonly text: string;
}

/** Pure: a notice as a webhook takes it. */
export function bodyOf(notice: Notice, format: NotifySpec['format']): Body {
  return format === 'slack' ? slackBody(notice) : cloudEvent(notice);
}

/** An incoming webhook of Slack takes a text of mrkdwn, in which three characters stand for themselves only as entities (docs.slack.dev, "Formatting message text"). */
function slackBody({ migration, text }: Notice): Body {
  const plain = text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  return { contentType: 'application/json', text: JSON.stringify({ text: `*${migration}*: ${plain}` }) };
}

/** Structured mode of CloudEvents 1.0.2 (§3.1 of its JSON format). The same notice has the same id, whoever sends it again. */
function cloudEvent({ migration, type, kind, seq, atIso, text, facts }: Notice): Body {
  const event = {
    specversion: '1.0',
    id: `${seq}/${type}`,
    source: `/teal/${migration}`,
    type: `teal.${type}`,
    subject: migration,
    time: atIso,
    datacontenttype: 'application/json',
    data: { kind, text, record: seq, ...facts },
  };
  return { contentType: 'application/cloudevents+json; charset=utf-8', text: JSON.stringify(event) };
}
