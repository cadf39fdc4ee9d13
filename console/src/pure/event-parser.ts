/** One event of a stream (HTML Standard, 9.2.6). */
export interface ServerEvent {
  readonly event: string;
  readonly data: string;
  readonly id?: string;
}

const limit = 8 << 20;

/** Events out of pieces of text, whereever these were cut. A comment is an event without a name: it shows that the other side is there. */
export class EventParser {
  #rest = '';

  /** Throws where one event is longer than any that the API sends. */
  push(text: string): readonly ServerEvent[] {
    const blocks = (this.#rest + text).split('\n\n');
    this.#rest = blocks.pop() ?? '';
    if (this.#rest.length > limit) throw new Error('an event of the stream is too long');
    return blocks.flatMap(parseBlock);
  }
}

function parseBlock(block: string): readonly ServerEvent[] {
  let event = 'message';
  let id: string | undefined;
  const data: string[] = [];
  for (const line of block.split('\n')) {
    const colon = line.indexOf(':');
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (name === 'event') event = value;
    if (name === 'id') id = value;
    if (name === 'data') data.push(value);
  }
  if (data.length === 0) return [];
  return [{ event, data: data.join('\n'), ...(id === undefined ? {} : { id }) }];
}
