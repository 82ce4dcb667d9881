import { closeSync, constants, ftruncateSync, openSync, readSync, unlinkSync, writevSync } from 'node:fs'
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'

/** Where Linux keeps files in memory. */
const FOLDER = '/dev/shm'
/** Each side writes the payload of a batch here, by the batch's number: of two that are under way, neither reaches the other's. */
const REGION_BYTES = 2 ** 32
/** What the file may keep of the memory it was given while nothing is under way. */
const KEPT_BYTES = 16 * 2 ** 20

/** The worker's argument where its file descriptor 4 is the payload file. */
export const PAYLOAD_FILE = 'payload-file'

export type Side = 'server' | 'worker'

/** Where a payload lies. */
export interface Place {
  readonly at: number
  readonly bytes: number
}

/**
 * A file in memory that a server and one of its workers have open, and nobody else: a large payload is written and read
 * once, where a socket of some 200 kB would hand it over in many turns. At most two batches are under way at a time.
 */
export class PayloadFile {
  readonly fd: number
  readonly #side: Side
  /** More was refused: the system has no room for it. */
  #mostBytes = REGION_BYTES
  /** The most that each region has had, and all of them together. */
  readonly #regions = [0, 0, 0, 0]
  #keptBytes = 0

  constructor(fd: number, side: Side) {
    this.fd = fd
    this.#side = side
  }

  /** The server's end; undefined where the system has no such files. The name is gone at once. */
  static create(): PayloadFile | undefined {
    const path = join(FOLDER, `sconce-${randomUUID()}`)
    try {
      const fd = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o600)
      unlinkSync(path)
      return new PayloadFile(fd, 'server')
    } catch {
      return undefined
    }
  }

  /** Writes the payload of a batch; undefined where there is no room for it. */
  write(batch: number, pieces: readonly Uint8Array[], bytes: number): Place | undefined {
    if (bytes > this.#mostBytes) return undefined
    const at = ((this.#side === 'server' ? 0 : 2) + (batch % 2)) * REGION_BYTES
    if (!this.#tryWrite(pieces, at, bytes)) {
      this.#mostBytes = bytes - 1
      this.noteRest()
      return undefined
    }
    this.#note(at, bytes)
    return { at, bytes }
  }

  /** Throws a RangeError for a place that holds less. */
  read({ at, bytes }: Place): Buffer {
    const payload = Buffer.allocUnsafeSlow(bytes)
    let done = 0
    while (done < bytes) {
      const count = readSync(this.fd, payload, done, bytes - done, at + done)
      if (count === 0) throw new RangeError(`The payload file holds ${done} bytes at ${at}, not ${bytes}`)
      done += count
    }
    this.#note(at, bytes)
    return payload
  }

  /** A payload went the other way, and a part of it may lie here. */
  noteRest(): void {
    this.#keptBytes = Infinity
  }

  /** Gives memory back to the system after large payloads. Only while no batch is under way. */
  shrink(): void {
    if (this.#keptBytes <= KEPT_BYTES) return
    ftruncateSync(this.fd, 0)
    this.#regions.fill(0)
    this.#keptBytes = 0
  }

  close(): void {
    closeSync(this.fd)
  }

  #note(at: number, bytes: number): void {
    const region = Math.floor(at / REGION_BYTES) % this.#regions.length
    const more = bytes - (this.#regions[region] ?? 0)
    if (more <= 0) return
    this.#regions[region] = bytes
    this.#keptBytes += more
  }

  #tryWrite(pieces: readonly Uint8Array[], at: number, bytes: number): boolean {
    try {
      return writevSync(this.fd, pieces, at) === bytes
    } catch {
      return false
    }
  }
}
