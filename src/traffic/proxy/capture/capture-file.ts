import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { sleep } from '../../../kernel/clock.ts';
import { describeError, TealError } from '../../../kernel/errors.ts';

/** What is written together: at most so often, and at most so much. */
const everyMs = 100;
const batchBytes = 1 << 20;
/** What waits to be written. Beyond it nothing is taken. */
const waitingBytes = 8 << 20;

/**
 * Adds whole lines to a file, behind whoever adds a line. Each write is of whole lines at the end of the file as it is then, so several processes can add to one file. Memory is bounded by
 * `waitingBytes`; nothing here waits for the file but the file.
 */
export class CaptureFile {
  readonly #handle: FileHandle;
  readonly #ending = new AbortController();
  readonly #written: Promise<void>;
  #waiting: Buffer[] = [];
  #bytes = 0;
  #taken = 0;
  #failure: string | undefined;

  private constructor(handle: FileHandle, failed: () => void) {
    this.#handle = handle;
    this.#written = this.#write(failed);
  }

  /** `failed`: nothing more can be written. Errors: TEAL-TRAFFIC-035. */
  static async open(path: string, failed: () => void): Promise<CaptureFile> {
    try {
      const handle = await open(path, constants.O_WRONLY | constants.O_APPEND | constants.O_NOFOLLOW);
      const { mode, uid } = await handle.stat();
      if (uid === process.getuid?.() && (mode & 0o077) === 0 && (mode & constants.S_IFMT) === constants.S_IFREG) {
        return new CaptureFile(handle, failed);
      }
      await handle.close();
    } catch (error) {
      throw new TealError('TEAL-TRAFFIC-035', `${path}: ${describeError(error)}`, { path }, error);
    }
    throw new TealError('TEAL-TRAFFIC-035', `${path} is not a file of the proxy's user alone`, { path });
  }

  /** Of all that was taken, in bytes. */
  get taken(): number {
    return this.#taken;
  }

  /** Why the file cannot be written, once that is so. */
  get failure(): string | undefined {
    return this.#failure;
  }

  /** False when there is no room for the line. `last`: it is taken whatever waits. */
  add(line: string, last = false): boolean {
    const bytes = Buffer.from(line, 'utf8');
    if (this.#failure !== undefined || (!last && this.#bytes + bytes.length > waitingBytes)) return false;
    this.#waiting.push(bytes);
    this.#bytes += bytes.length;
    this.#taken += bytes.length;
    return true;
  }

  /** Resolves when all that was added is in the file for good, or cannot be. */
  async end(): Promise<void> {
    this.#ending.abort();
    await this.#written;
  }

  async #write(failed: () => void): Promise<void> {
    try {
      while (!this.#ending.signal.aborted) {
        await sleep(everyMs, this.#ending.signal).catch(() => undefined);
        while (this.#waiting.length > 0) await this.#writeBatch();
      }
      while (this.#waiting.length > 0) await this.#writeBatch();
      await this.#handle.sync();
    } catch (error) {
      this.#failure = describeError(error);
      this.#waiting = [];
      this.#bytes = 0;
      failed();
    } finally {
      await this.#handle.close();
    }
  }

  async #writeBatch(): Promise<void> {
    let bytes = 0;
    const more = this.#waiting.findIndex((line) => (bytes += line.length) > batchBytes);
    const batch = Buffer.concat(this.#waiting.splice(0, more === -1 ? this.#waiting.length : Math.max(1, more)));
    const { bytesWritten } = await this.#handle.write(batch);
    // The rest would come behind another process's line.
    if (bytesWritten < batch.length) throw new Error('the file took a part of a line');
    this.#bytes -= batch.length;
  }
}
