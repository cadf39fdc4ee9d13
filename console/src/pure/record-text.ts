import type { JournalRecord } from '../types.ts';

/** What a record of the journal says, in a line. Kinds that are not known are told by their fields. Pure. */
export function recordText({ event }: Pick<JournalRecord, 'event'>): string {
  const of = (field: string): string => plain(event[field]);
  switch (event.type) {
    case 'runStarted':
      return `${of('command')} begins, by process ${of('pid')} on ${of('host')}`;
    case 'stageStarted':
      return `${of('stage')} begins`;
    case 'stageFinished':
      return `${of('stage')} is done`;
    case 'stageUndone':
      return `${of('stage')} is undone`;
    case 'stepIntended':
      return `${of('step')} is about to be done`;
    case 'stepDone':
      return `${of('step')}: ${of('evidence')}`;
    case 'stepFailed':
      return `${of('step')} failed: ${failureText(event['failure'])}`;
    case 'stepUndoIntended':
      return `${of('step')} is about to be undone`;
    case 'stepUndone':
      return `${of('step')} is undone`;
    case 'gateAsked':
      return `asks: ${of('asks')}`;
    case 'gateAnswered':
      return `${of('gate')} says ${of('answer')}: ${of('evidence')}`;
    case 'approvalGiven':
      return `${of('by')} says yes to ${of('for')}${event['comment'] === undefined ? '' : `: ${of('comment')}`}`;
    case 'cutIntended':
      return `cut ${of('cut')} from ${of('from')} to ${of('to')} begins`;
    case 'cutDecided':
      return `cut ${of('cut')} is decided`;
    case 'cutAborted':
      return `cut ${of('cut')} is taken back: ${of('reason')}`;
    case 'cutFinished':
      return `cut ${of('cut')} is done${pauseText(event['facts'])}`;
    case 'sideFacts':
      return `what ${of('side')} is was written down`;
    case 'certificateIssued':
      return `both sides are equal: ${of('tables')} tables, ${of('rows')} rows`;
    case 'rolledBack':
      return `${of('by')} rolled back: ${of('reason')}`;
    case 'finalised':
      return `${of('by')} ended the migration: ${of('live')} is live`;
    case 'aborted':
      return `${of('by')} undid everything: ${of('reason')}`;
    case 'callAccepted':
      return `${of('by')} (${of('role')}) asks by the API: ${of('call')}`;
    case 'callAnswered':
      return `${of('by')} ${event['answer'] === 'accepted' ? 'asked by the API' : `was refused by the API (${of('answer')})`}: ${of('call')}${timesText(event['times'])}`;
    case 'note':
      return of('text');
    default:
      return JSON.stringify({ ...event, type: undefined });
  }
}

/** Records that a person looks for first. */
export function toneOf({ event: { type } }: Pick<JournalRecord, 'event'>): 'good' | 'bad' | 'waits' | 'plain' {
  switch (type) {
    case 'stepFailed':
    case 'cutAborted':
      return 'bad';
    case 'cutFinished':
    case 'certificateIssued':
    case 'finalised':
      return 'good';
    case 'callAnswered':
    case 'approvalGiven':
    case 'cutIntended':
    case 'cutDecided':
    case 'rolledBack':
    case 'aborted':
      return 'waits';
    default:
      return 'plain';
  }
}

function plain(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}

function failureText(failure: unknown): string {
  const { code, message } = Object(failure) as { readonly code?: unknown; readonly message?: unknown };
  return `${plain(message)}${plain(message).includes(plain(code)) ? '' : ` (${plain(code)})`}`;
}

function timesText(times: unknown): string {
  return typeof times === 'number' && times > 1 ? `, ${times} times` : '';
}

function pauseText(facts: unknown): string {
  const pauseMs: unknown = Reflect.get(Object(facts), 'pauseMs');
  return typeof pauseMs === 'number' ? `: clients waited ${pauseMs} ms` : '';
}
