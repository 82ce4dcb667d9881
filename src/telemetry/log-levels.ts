export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

const ORDER: readonly LogLevel[] = ['debug', 'info', 'warn', 'error']

/** Which lines a log writes. One for a log and all its children, so that a change holds for every part at once. */
export class LogLevels {
  readonly #on: Record<LogLevel, boolean>

  /** This level and those above it; `silent`: none. */
  constructor(least: LogLevel | 'silent') {
    const from = least === 'silent' ? ORDER.length : ORDER.indexOf(least)
    const isOn = (level: LogLevel) => ORDER.indexOf(level) >= from
    this.#on = { debug: isOn('debug'), info: isOn('info'), warn: isOn('warn'), error: isOn('error') }
  }

  isOn(level: LogLevel): boolean {
    return this.#on[level]
  }

  set(level: LogLevel, isOn: boolean): void {
    this.#on[level] = isOn
  }
}
