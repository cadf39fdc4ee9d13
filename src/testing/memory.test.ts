import { describe } from 'vitest';
import { copyContract } from './copy-contract.ts';
import { sideContract } from './side-contract.ts';
import { keeperContract } from './keeper-contract.ts';
import { introspectorContract } from './introspector-contract.ts';
import { schemaContract } from './schema-contract.ts';
import { schemasContract } from './schemas-contract.ts';
import { sequencesContract } from './sequences-contract.ts';
import { sinkContract } from './sink-contract.ts';
import { sourceContract } from './source-contract.ts';
import { memoryCopyWorld, type CopyFault } from './test-support/memory-copy.ts';
import { memoryIntrospectorWorld, type IntrospectorFault } from './test-support/memory-introspector.ts';
import { memoryKeeperWorld, type KeeperFault } from './test-support/memory-keeper.ts';
import { memorySchemaWorld, type SchemaFault } from './test-support/memory-schema.ts';
import { memorySchemasWorld, type SchemasFault } from './test-support/memory-schemas.ts';
import { memorySequencesWorld, type SequencesFault } from './test-support/memory-sequences.ts';
import { memorySideWorld, type SideFault } from './test-support/memory-side.ts';
import { memorySinkWorld, type SinkFault } from './test-support/memory-sink.ts';
import { memorySourceWorld, type SourceFault } from './test-support/memory-source.ts';
import { proves } from './test-support/proves.ts';

describe('the kit of sinks', () => {
  proves<SinkFault>((fault) => sinkContract(async () => memorySinkWorld(fault)), {
    'has progress that nobody gave': 'has no progress before it is given the first, and keeps that one',
    'trims texts': 'a transaction is there whole, with all of its progress, and every value is what it was',
    'commits each slice': 'the next slice goes on with the open transaction, which nobody sees before it is committed',
    'commits what was open when the session is lost':
      'what was open when the session was lost is not there, and progress says so',
    'abandons nothing': 'abandoned, nothing of the open transaction is left, and the sink goes on',
    'tells progress in an open transaction': 'progress that is asked for in an open transaction undoes it',
    'keeps the beginning of a short transaction':
      'nor is anything left of a short transaction, whole in one slice, that misses a row',
    'passes over rows that are missing':
      'a change of a row that is not there undoes all of the transaction, and the sink goes on',
    'writes over rows': 'a row that is there already is not written over',
    'loses the last of many': 'of many rows in one step each is changed once, and all of them or none',
    'writes NULL for what was not sent': 'a cell that was not sent stays as it is',
    'leaves keys where they are': 'a key moves with its row, also to the place of one that has gone',
    'knows no order': 'a unique value passes from row to row, in few changes and in many',
    'changes all equal rows': 'of equal rows without a key one is changed for each that is named',
    'empties tables at once': 'a table is emptied in its place among the changes, and full again when that is undone',
    'keeps the last control row': 'of control rows the first stays, but for the heartbeat, of which the last does',
    'is durable too early': 'durable is what is applied, once it is forced, and never more than that',
    'keeps progress beside the data': 'a commit that was accepted is there for the next session, with its progress',
    'lets two apply': 'a stream has one session: another is refused while it is there, and none afterwards',
    'fits everything': 'says what the target lacks before it can take a relation, and asks each time',
    'knows no unique columns': 'says what finds one row, and which columns are unique beside it',
    'puts over other rows': 'a row that is put gives way to no other key that has its unique value',
    'puts new rows only': 'rows that are put are there as they are told, whether they were there or not',
  });
});

describe('the kit of sources', () => {
  proves<SourceFault>((fault) => sourceContract(async () => memorySourceWorld(fault)), {
    'leaves out a change': 'carries every committed change once, and every value as it is',
    'carries what was rolled back': 'has nothing of what was rolled back',
    'is in the order of beginnings': 'has transactions in the order of their commits, whole',
    'has no old rows': 'an old key comes with a row whose key moves, and a whole old row where there is no key',
    'tells rows that were emptied one by one': 'a table that is emptied in one act is told so',
    'ends where it began':
      'records are whole transactions: a table is described before its first change, and ends only grow',
    'has no times': 'says when each transaction committed',
    'goes on one later':
      'goes on after any end, with a decoder that knows nothing: nothing is missing and nothing comes twice',
    'goes on after the head': 'goes on after the last mark or end that it gave, where others have written since',
    'is silent when its session is lost':
      'a stream whose session is lost ends with a reason that says that it may be tried again, and the next one goes on',
    'cannot be aborted': 'an abort ends the stream with its reason',
    'reads any history': 'names the history that it reads, and refuses one that has another name',
    'forgets what was acknowledged, and more': 'of what was not acknowledged nothing is forgotten',
    'decodes anything': 'a payload that is none is refused',
    'marks the beginning': 'a mark is behind all that was committed, and in front of its own transaction',
    'has no heartbeat': 'a heartbeat comes back through the stream, each one',
    'has lost what was not received':
      'a look says that what was not received can be had, and where the log has come to',
    'counts backwards': 'the log between two positions is never less than nothing',
    'begins now': 'the first position is where nobody has written yet, and it stays where it is',
    'is released once': 'to let the source forget may be repeated',
  });
});

describe('the kit of copies', () => {
  proves<CopyFault>((fault) => copyContract(async () => memoryCopyWorld(fault)), {
    'reads what is there now': 'every reader shows what was there when the snapshot was taken, whenever it is opened',
    'reads a row of the next part': 'the parts of a table hold every row once',
    'trims texts': 'every value is what it was, in every form',
    'writes a range again': 'a range that is there is not written again, and its rows are not read',
    'does not count': 'a range that has other rows than its source counted is not there',
    'keeps what came before a break': 'a range that breaks off is not there, and can be written again',
    'has lost its records': 'a run that is begun again goes on with what is there',
    'keeps what is not complete': 'a later epoch leaves alone what is complete, and throws away the rest',
    'goes on under another snapshot': 'an epoch is of one snapshot',
    'begins any epoch': 'an epoch does not begin after a later one',
    'throws away any rows': 'rows that no copy has brought are not thrown away',
    'lets old writers write': 'a writer of before a run was begun again brings nothing',
    'tells of one epoch': 'tells its newest epoch and what is there, and changes nothing by it',
    'has no record of nothing': 'a table without rows is copied too, and said to be there',
    'lets nothing go': 'a snapshot that nobody holds cannot be read',
    'gives all snapshots one name': 'later snapshots have greater names',
  });
});

describe('the kit of keepers of snapshots', () => {
  proves<KeeperFault>((fault) => keeperContract(async () => memoryKeeperWorld(fault)), {
    'holds one from the beginning': 'nobody holds a snapshot at first, and letting go of none is nothing',
    'tells the epoch before':
      'what was taken is held under its epoch, as often as it is asked for, and shows what was there then',
    'keeps the first': 'of several the newest is told, and shows what was there when it was taken',
    'lets nothing go': 'let go, nobody holds one and it cannot be read; twice is once',
    'keeps its locks': 'let go, it locks nothing',
    'takes another one for one that has lost a holder': 'with one of its holders lost it is held, and shows the same',
    'says that what is lost is held': 'with all of them lost nobody holds it, and another one can be taken',
    'cannot be aborted': 'an abort ends the taking with its reason, and nothing is held',
  });
});

describe('the kit of sides', () => {
  proves<SideFault>((fault) => sideContract(async () => memorySideWorld(fault)), {
    'hashes the place of a row': 'equal rows have equal digests, in any order and in any number of parts',
    'takes NULL for an empty text': 'rows that differ in one value, however alike, have different digests',
    'adds by XOR': 'differences do not cancel each other, and each row more of the same counts',
    'gives all entries': 'entries of the buckets that differ name the rows that differ',
    'gives entries as they lie': 'entries come in the order of key and row, each row once',
    'finds rows in its own order': 'locators find their rows, in the order in which they are asked for, as they are',
    'reads what is there now': 'a snapshot stays what it is while clients write',
    'has a position of before': 'a snapshot at a position holds exactly what committed before it, while clients write',
    'reads tables that were emptied':
      'a table that was emptied after the snapshot is refused, and not taken for one without rows',
    'is another one each time': 'says what it is and how it hashes, each time the same',
    'tells versions by values': 'one row is found by its key, and its version is another one after any change',
    'looks from the beginning': 'the position of a look is behind all that it has seen',
    'repairs all equal rows': 'a repair makes rows what they are to be, one of equal ones too',
    'repairs what has changed': 'a repair of a row that has changed since changes nothing',
    'renders less': 'what a repair renders does the same when a person runs it',
  });
});

describe('the kit of generators', () => {
  proves<SequencesFault>((fault) => sequencesContract(async () => memorySequencesWorld(fault)), {
    'leaves out those that count down': 'no number is given twice, however often they are handed over',
    'counts what was committed': 'numbers that were given in vain are given',
    'leaves no headroom': 'a hand-over leaves the headroom between the last number and the next',
    'says that none is behind': 'says how many could give a number that was given, and none after a hand-over',
    'moves each time': 'a hand-over that is repeated moves nothing',
    'moves backwards': 'nothing is moved backwards',
    'cannot be aborted': 'an abort ends it with its reason',
  });
});

describe('the kit of introspectors', () => {
  proves<IntrospectorFault>((fault) => introspectorContract(async () => memoryIntrospectorWorld(fault)), {
    'is another one to each session': 'a database is the same one to whoever asks',
    'has columns in the order of their names':
      'tables are described with their columns in order, their keys and what is unique in them',
    'remembers its first look': 'each look is a new one',
    'describes tables of Teal': 'nothing of Teal is described',
    'does not say why it does not know': 'a fact is known, or there is a reason why not',
    writes: 'it changes nothing',
  });
});

describe('the kit of schema drivers', () => {
  proves<SchemaFault>((fault) => schemaContract(async () => memorySchemaWorld(fault)), {
    'leaves out foreign keys': 'brings the whole schema, part by part',
    'loses what workers make': 'brings it all at once, by several workers',
    'makes some tables later': 'after its first part rows have a place, whatever refers to what',
    'is always done': 'what is not there is not said to be done',
    'captures anew': 'is captured once: what blue has become since is not brought',
    'makes everything again': 'what is made is found, not made again, and rows in it stay',
    'drops what it has not made':
      'reverted nothing of it is left, and what was there before is; reverting twice is once',
    'remembers what it has dropped': 'reverted it can be brought again',
    'takes over what is there': 'a table that is there and that it has not made stays, and is an error',
    'forgets what it has made when it is ended': 'ended in the middle it goes on to the same end',
    'waits for no rows': 'work on a table waits until its rows are in',
  });
});

describe('the kit of comparisons of schemas', () => {
  proves<SchemasFault>((fault) => schemasContract(async () => memorySchemasWorld(fault)), {
    'compares blue with itself and green with blue': 'two sides that are the same differ in nothing, whichever is live',
    'takes what is lacking for what is too much':
      'a column that the other side has not is lacking there, and too much here',
    'remembers its first look': 'each call asks anew',
    'takes all tables for those of the beginning':
      'a table that came later is told, but is none of those that were there at the beginning',
    'takes an index for a column': 'an index that the other side has not is an object, and nothing that rows need',
    'tells rows': 'rows are no matter of a schema, nor are they in a sentence',
    'marks both sides': 'a mark is another one after a change, and tells which object changed',
    'tells nobody who waits': 'who waits for a lock of Teal is told, as long as he waits',
  });
});
