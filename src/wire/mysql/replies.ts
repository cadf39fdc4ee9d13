import { BodyReader, lengthEncoded, lengthEncodedBytes, malformed, uint16, uint8 } from './body.ts';
import { capability, has, serverStatus, type Capabilities } from './flags.ts';

/** The packets that end what a server answers (MySQL manual, "OK_Packet", "ERR_Packet", "EOF_Packet"). */
export const replyHeader = Object.freeze({ ok: 0x00, localInfile: 0xfb, eof: 0xfe, error: 0xff });

/** What a statement has changed about the session, told where `session_track_*` asks for it. */
export type SessionChange =
  | { readonly kind: 'variable'; readonly name: string; readonly value: string }
  | { readonly kind: 'schema'; readonly name: string }
  | { readonly kind: 'changed' }
  | { readonly kind: 'gtids'; readonly gtids: string }
  /** The statements that would begin the transaction anew. */
  | { readonly kind: 'transactionCharacteristics'; readonly statements: string }
  /** Eight letters, `________` for none (MySQL manual, `session_track_transaction_info`). */
  | { readonly kind: 'transactionState'; readonly state: string }
  | { readonly kind: 'other'; readonly type: number };

export interface OkReply {
  readonly affectedRows: bigint;
  readonly lastInsertId: bigint;
  readonly status: number;
  readonly warnings: number;
  readonly info: string;
  readonly changes: readonly SessionChange[];
}

/** Also the OK that ends rows in place of EOF, whose header is 0xfe. */
export function readOk(payload: Buffer, capabilities: Capabilities): OkReply {
  const body = new BodyReader(payload, 'OK');
  const header = body.uint8();
  if (header !== replyHeader.ok && header !== replyHeader.eof) throw malformed('OK', 'its header');
  const affectedRows = body.lengthEncodedBig();
  const lastInsertId = body.lengthEncodedBig();
  const status = body.uint16();
  const warnings = body.uint16();
  if (!has(capabilities, capability.sessionTrack)) {
    return { affectedRows, lastInsertId, status, warnings, info: body.rest().toString('utf8'), changes: [] };
  }
  const info = body.left > 0 ? body.lengthEncodedText() : '';
  const hasChanges = (status & serverStatus.sessionStateChanged) !== 0 && body.left > 0;
  const changes = hasChanges ? readChanges(body.lengthEncodedBytes()) : [];
  return { affectedRows, lastInsertId, status, warnings, info, changes };
}

function readChanges(bytes: Buffer): readonly SessionChange[] {
  const list = new BodyReader(bytes, 'session state');
  const changes: SessionChange[] = [];
  while (list.left > 0) {
    const type = list.uint8();
    changes.push(...readChange(type, new BodyReader(list.lengthEncodedBytes(), 'session state')));
  }
  return changes;
}

function readChange(type: number, body: BodyReader): readonly SessionChange[] {
  switch (type) {
    case 0: {
      // MariaDB puts several into one.
      const variables: SessionChange[] = [];
      while (body.left > 0) {
        variables.push({ kind: 'variable', name: body.lengthEncodedText(), value: body.lengthEncodedText() });
      }
      return variables;
    }
    case 1:
      return [{ kind: 'schema', name: body.lengthEncodedText() }];
    case 2:
      return [{ kind: 'changed' }];
    case 3:
      // Of which encoding: there is one.
      body.skip(1);
      return [{ kind: 'gtids', gtids: body.lengthEncodedText() }];
    case 4:
      return [{ kind: 'transactionCharacteristics', statements: body.lengthEncodedText() }];
    case 5:
      return [{ kind: 'transactionState', state: body.lengthEncodedText() }];
    default:
      return [{ kind: 'other', type }];
  }
}

/** Without changes: a proxy that says OK itself has none to tell. */
export function encodeOk(reply: Omit<OkReply, 'changes'>, capabilities: Capabilities, header = 0x00): Buffer {
  const { affectedRows, lastInsertId, status, warnings, info } = reply;
  const tracked = has(capabilities, capability.sessionTrack);
  const text = tracked && info !== '' ? lengthEncodedBytes(info) : Buffer.from(tracked ? '' : info, 'utf8');
  const kept = status & ~serverStatus.sessionStateChanged;
  return Buffer.concat([
    uint8(header),
    lengthEncoded(affectedRows),
    lengthEncoded(lastInsertId),
    uint16(kept),
    uint16(warnings),
    text,
  ]);
}

export interface ErrorReply {
  readonly code: number;
  /** Five letters; HY000 where the server sent none (before capabilities are agreed on). */
  readonly sqlState: string;
  readonly message: string;
}

export function readError(payload: Buffer): ErrorReply {
  const body = new BodyReader(payload, 'ERR');
  if (body.uint8() !== replyHeader.error) throw malformed('ERR', 'its header');
  const code = body.uint16();
  if (body.peek() !== 0x23) return { code, sqlState: 'HY000', message: body.rest().toString('utf8') };
  body.skip(1);
  return { code, sqlState: body.bytes(5).toString('latin1'), message: body.rest().toString('utf8') };
}

export function encodeError({ code, sqlState, message }: ErrorReply): Buffer {
  if (!/^[0-9A-Z]{5}$/.test(sqlState)) throw malformed('an outgoing ERR', 'its SQL state');
  return Buffer.concat([uint8(0xff), uint16(code), Buffer.from(`#${sqlState}${message}`, 'utf8')]);
}

export interface EofReply {
  readonly warnings: number;
  readonly status: number;
}

export function readEof(payload: Buffer): EofReply {
  const body = new BodyReader(payload, 'EOF');
  if (body.uint8() !== replyHeader.eof) throw malformed('EOF', 'its header');
  const reply = { warnings: body.uint16(), status: body.uint16() };
  body.end();
  return reply;
}

export function encodeEof({ warnings, status }: EofReply): Buffer {
  return Buffer.concat([uint8(0xfe), uint16(warnings), uint16(status)]);
}
