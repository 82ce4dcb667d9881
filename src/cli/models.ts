/** `sconce models`: looks at the models of a running server and changes them, over its management API. */
import { readFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { didYouMean } from '../nearest.ts'
import { quote, showValue } from '../config/shown.ts'
import type { Command, CommandIo } from './command.ts'
import { DEFAULT_ADDRESS, ManagementClient, ManagementError } from './management-client.ts'
import { actions, commonFlags, flags, type Action, type Given } from './model-calls.ts'
import { printable } from './table.ts'
import { explainArguments } from './unknown-flag.ts'

const REFUSED = 1
const MISUSED = 2

/** The arguments are wrong; nothing was asked of the server. */
class UsageError extends Error {
  override readonly name = 'UsageError'
}

export const models: Command = {
  name: 'models',
  summary: 'Look at the models of a running server and change them.',
  get usage() {
    return usageText()
  },
  /** Resolves to the exit code: 0; 1 where the server refuses or does not answer; 2 where the arguments are wrong. */
  async run(args, io) {
    try {
      return await runAction(args, io)
    } catch (error) {
      if (error instanceof UsageError) {
        io.err(`${error.message}\nsconce models --help says how it is used.\n`)
        return MISUSED
      }
      if (!(error instanceof ManagementError)) throw error
      io.err(`${printable(error.message)}\n`)
      return REFUSED
    }
  },
}

async function runAction([name = '', ...args]: string[], io: CommandIo): Promise<number> {
  const asksForHelp = ['help', '--help', '-h'].includes(name)
  if (name === '' || asksForHelp) return explain(io, asksForHelp)
  const action = findAction(name)
  const { words, given } = parseWords(name, action, args)
  if (given['help'] !== undefined) return explain(io, true)
  const client = new ManagementClient(given['management-address'] ?? DEFAULT_ADDRESS, await readToken(given))
  const { json, text } = await action.run(client, words, given)
  io.out(given['json'] === undefined ? text : `${JSON.stringify(json, null, 2)}\n`)
  return 0
}

function explain(io: CommandIo, isAsked: boolean): number {
  if (isAsked) io.out(usageText())
  else io.err(usageText())
  return isAsked ? 0 : MISUSED
}

function findAction(name: string): Action {
  const action = Object.hasOwn(actions, name) ? actions[name] : undefined
  if (action !== undefined) return action
  const known = Object.keys(actions)
  throw new UsageError(
    `There is no action ${quote(name)}${didYouMean(name, known)}; known are ${known.join(', ')}`,
  )
}

function parseWords(name: string, action: Action, args: string[]): { words: string[]; given: Given } {
  const known = [...commonFlags, ...action.flags]
  const options = Object.fromEntries(
    known.map(flag => [flag, { type: flags[flag]?.argument === undefined ? 'boolean' : 'string' } as const]),
  )
  const { values, positionals } = tryParse(known, () =>
    parseArgs({ args: args.map(toLong), options, allowPositionals: true }),
  )
  const given = Object.fromEntries(Object.entries(values).map(([flag, value]) => [flag, String(value)]))
  for (const [flag, value] of Object.entries(given)) {
    if (flags[flag]?.isCount === true && !/^\d{1,9}$/.test(value)) {
      throw new UsageError(`--${flag} is ${showValue(value)}; expected a whole number`)
    }
  }
  if (given['help'] === undefined) checkWords(name, action, positionals)
  return { words: positionals, given }
}

const toLong = (arg: string) => (arg === '-h' ? '--help' : arg)

function checkWords(name: string, { words }: Action, given: readonly string[]): void {
  const least = words.filter(word => !word.startsWith('[')).length
  if (given.length >= least && given.length <= words.length && !given.includes('')) return
  throw new UsageError(`Expected: sconce models ${[name, ...words].join(' ')}`)
}

function tryParse<T>(known: readonly string[], parse: () => T): T {
  try {
    return parse()
  } catch (error) {
    throw new UsageError(printable(explainArguments(error, known)))
  }
}

/** The key that is given, or the management key of a key file. */
async function readToken(given: Given): Promise<string | undefined> {
  const { token, 'token-file': file } = given
  if (token !== undefined && !/^[!-~]+$/.test(token)) throw new UsageError('--token holds what no key holds')
  if (token !== undefined || file === undefined) return token
  try {
    // What is not a key file has no such fields: that is an error like any other here.
    const keys = JSON.parse(await readFile(file, 'utf8')) as { management: { key: string } }
    if (/^[!-~]+$/.test(keys.management.key)) return keys.management.key
  } catch {
    // Said below.
  }
  throw new UsageError(`--token-file ${showValue(file)} is not a key file that can be read`)
}

function usageText(): string {
  const lines = Object.entries(actions).flatMap(([name, { words, meaning, flags: own }]) => [
    `  ${[name, ...words].join(' ')}`.padEnd(32) + meaning,
    ...own.map(flag => flagLine(flag, 4)),
  ])
  return [
    'Usage: sconce models ACTION [FLAGS]',
    '',
    'Looks at the models of a running server and changes them. Registering and unregistering is possible where the',
    'server was started with --enable-model-api.',
    '',
    ...lines,
    '',
    'Every action takes',
    ...commonFlags.map(flag => flagLine(flag, 2)),
    '',
    'The exit code is 0, 1 where the server refuses or does not answer, 2 where the arguments are wrong.',
    '',
  ].join('\n')
}

function flagLine(flag: string, indent: number): string {
  const { argument, meaning } = flags[flag] ?? { meaning: '' }
  return `${' '.repeat(indent)}--${flag}${argument === undefined ? '' : ` ${argument}`}`.padEnd(34) + meaning
}
