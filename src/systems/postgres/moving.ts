import type { FollowMethod } from '../../model/follow-method.ts';
import { fenceTrigger } from './fence.ts';
import { quoteLiteral } from './quote.ts';
import { recordedRelations } from './trigger-source/recorder.ts';

/** SQL: the numbers of the tables whose rows a flow carries away from a side. Also where nothing was prepared yet. */
export function movingRelations(method: FollowMethod, publication: string): string {
  if (method === 'polling') return fencedRelations;
  return method === 'triggers' ? recordedRelations : publishedRelations(publication);
}

/** What is polled is what is fenced, and the list of it cannot be asked for where it is not there yet. */
const fencedRelations = `select t.tgrelid from pg_catalog.pg_trigger t where t.tgname = '${fenceTrigger}'`;

export function publishedRelations(publication: string): string {
  return `select r.prrelid from pg_catalog.pg_publication p join pg_catalog.pg_publication_rel r on r.prpubid = p.oid where p.pubname = ${quoteLiteral(publication)}`;
}
