import { hostname } from 'node:os'
import { pino, stdSerializers } from 'pino'
import { LineWriter } from './line-writer.ts'
import { LogLevels, type LogLevel } from './log-levels.ts'
import { prettyLine } from './pretty-line.ts'

export type LogFormat = 'auto' | 'pretty' | 'json'
export type LogFields = Readonly<Record<string, unknown>>

/**
 * How every part writes to the log: the message first, what belongs to it as fields. An error goes into the field
 * `err` or `cause`: it is written with its stack and its causes.
 */
export interface Logger {
  debug(message: string, fields?: LogFields): void
  info(message: string, fields?: LogFields): void
  warn(message: string, fields?: LogFields): void
  error(message: string, fields?: LogFields): void
  /** A logger that adds these fields to each of its lines; later fields of the same name do not replace them. */
  child(bindings: LogFields): Logger
}

/** One request, answered or not. */
export interface AccessEntry {
  readonly client: string
  readonly method: string
  readonly url: string
  readonly status: number
  /** From its first byte to the last of its answer. */
  readonly ms: number
  readonly requestId: string
}

/** Where the access log goes. */
export interface AccessLog {
  access(entry: AccessEntry): void
}

export interface RootLogger extends Logger, AccessLog {
  /** Which lines are written, by this logger and all its children; may be changed at any time. */
  readonly levels: LogLevels
  /** Resolves when all lines so far have left the process. */
  flush(): Promise<void>
}

/** Standard output, or anything alike. With an `fd`, JSON lines are written to that in chunks. */
export interface LogStream {
  write(text: string, written?: () => void): unknown
  readonly isTTY?: boolean
  readonly fd?: number
  hasColors?(): boolean
}

export interface LoggerOptions {
  /** `auto` is for a person on a terminal and JSON lines anywhere else. */
  readonly format: LogFormat
  /** Lines below it are not written. */
  readonly level: LogLevel | 'silent'
  readonly stream?: LogStream
}

/**
 * The server's log. JSON lines (pino's: level as a number, time in ms, pid, hostname, msg, fields) are collected for
 * up to 200 ms; errors go out at once, and so does all that is left when the process exits, also by process.exit or
 * an exception that nobody caught.
 */
export function createLogger(options: LoggerOptions): RootLogger {
  const stream = options.stream ?? process.stdout
  const isPretty = options.format === 'pretty' || (options.format === 'auto' && stream.isTTY === true)
  const sink = isPretty ? prettySink(stream) : jsonSink(stream, lines => warnOfDropped(lines))
  // Levels are decided before pino, whose children keep the level that they were born with.
  const logger = pino({ level: 'debug', serializers: { err, cause: err } }, sink)
  const levels = new LogLevels(options.level)
  const root = new PinoLogger({ pino: logger, sink, levels, isPretty }, PINO_KEYS)
  const warnOfDropped = (lines: number) =>
    root.warn('Log lines were dropped: their reader is too slow', { lines })
  return root
}

/** pino marks an error while it walks through its causes, which one that is frozen does not take. */
function err(value: unknown): unknown {
  try {
    return value instanceof Error ? stdSerializers.err(value) : value
  } catch {
    return String(value)
  }
}

interface Sink {
  write(line: string): void
  /** Writes what can be written without waiting. */
  writeOut(): void
  flush(): Promise<void>
}

function prettySink(stream: LogStream): Sink {
  const format = prettyLine(stream.isTTY === true && (stream.hasColors?.() ?? false))
  return streamSink(stream, format)
}

function jsonSink(stream: LogStream, onDropped: (lines: number) => void): Sink {
  return stream.fd === undefined ? streamSink(stream, line => line) : new LineWriter(stream.fd, onDropped)
}

function streamSink(stream: LogStream, format: (line: string) => string): Sink {
  return {
    write: line => void stream.write(format(line)),
    writeOut: () => {},
    flush: () => new Promise(resolve => stream.write('', () => resolve())),
  }
}

/** What pino writes by itself: a field of that name would come twice, and readers would take the second. */
const PINO_KEYS: ReadonlySet<string> = new Set(['level', 'time', 'pid', 'hostname', 'msg'])

const PROCESS = `"pid":${process.pid},"hostname":${JSON.stringify(hostname())},`

interface Log {
  readonly pino: pino.Logger
  readonly sink: Sink
  readonly levels: LogLevels
  readonly isPretty: boolean
}

class PinoLogger implements RootLogger {
  readonly levels: LogLevels
  readonly #pino: pino.Logger
  readonly #sink: Sink
  readonly #taken: ReadonlySet<string>
  readonly #isPretty: boolean

  constructor({ pino: logger, sink, levels, isPretty }: Log, taken: ReadonlySet<string>) {
    this.#pino = logger
    this.#sink = sink
    this.levels = levels
    this.#isPretty = isPretty
    this.#taken = taken
  }

  debug(message: string, fields?: LogFields): void {
    if (this.levels.isOn('debug')) this.#pino.debug(this.#free(fields), message)
  }

  info(message: string, fields?: LogFields): void {
    if (this.levels.isOn('info')) this.#pino.info(this.#free(fields), message)
  }

  warn(message: string, fields?: LogFields): void {
    if (this.levels.isOn('warn')) this.#pino.warn(this.#free(fields), message)
  }

  /** A line as pino would write it; made here, since its fields are known and there is one for each request. */
  access(entry: AccessEntry): void {
    if (!this.levels.isOn('info')) return
    if (this.#isPretty) return this.#pino.info(entry, 'access')
    const { client, method, url, status, ms, requestId } = entry
    this.#sink.write(
      `{"level":30,"time":${Date.now()},${PROCESS}"client":"${client}","method":"${method}","url":${JSON.stringify(url)},` +
        `"status":${status},"ms":${ms},"requestId":"${requestId}","msg":"access"}\n`,
    )
  }

  error(message: string, fields?: LogFields): void {
    if (!this.levels.isOn('error')) return
    this.#pino.error(this.#free(fields), message)
    this.#sink.writeOut()
  }

  child(bindings: LogFields): Logger {
    const free = this.#free(bindings)
    const [sink, levels, isPretty] = [this.#sink, this.levels, this.#isPretty]
    const log = { pino: this.#pino.child(free), sink, levels, isPretty }
    return new PinoLogger(log, new Set([...this.#taken, ...Object.keys(free)]))
  }

  flush(): Promise<void> {
    return this.#sink.flush()
  }

  /** Fields under names that are taken get a `_` in front: a handler's fields cannot pass for the server's. */
  #free(fields: LogFields = {}): LogFields {
    const keys = Object.keys(fields)
    if (!keys.some(key => this.#taken.has(key))) return fields
    return Object.fromEntries(keys.map(key => [this.#taken.has(key) ? `_${key}` : key, fields[key]]))
  }
}
