import { toFailure } from '../errors.ts'
import type { Command, CommandIo } from './command.ts'
import { readVersion } from '../home.ts'

const io: CommandIo = {
  out: text => process.stdout.write(text),
  err: text => process.stderr.write(text),
}

/** Commands by name, each loaded only when it is asked for: they do not need each other's packages. */
type Commands = Readonly<Record<string, () => Promise<Command>>>

/** Runs the command that `args` names and sets the exit code. Flags without a command are those of `start`. */
export async function runCommand(args: string[], commands: Commands): Promise<void> {
  // A reader that has seen enough, such as `head`, is no error.
  process.stdout.on('error', () => process.exit(0))
  process.exitCode = await run(args, commands)
}

async function run([first = '', ...rest]: string[], commands: Commands): Promise<number> {
  if (['help', '--help', '-h'].includes(first)) return say(await usage(commands))
  if (['version', '--version', '-v'].includes(first)) return say(`Sconce ${readVersion()}`)
  const isFlag = first === '' || first.startsWith('-')
  const name = isFlag ? 'start' : first
  const load = Object.hasOwn(commands, name) ? commands[name] : undefined
  if (load === undefined) {
    io.err(`There is no command ${JSON.stringify(first)}.\n\n${await usage(commands)}\n`)
    return 1
  }
  const command = await load()
  return command.run(isFlag && first !== '' ? [first, ...rest] : rest, io).catch(tell)
}

/** What went wrong, for a person: the text of a failure, the stack of a bug. */
function tell(error: unknown): number {
  const { code, message, reason, cause } = toFailure(error)
  const text = code === 'INTERNAL' && cause instanceof Error ? (cause.stack ?? cause.message) : message
  io.err([text, reason, ''].filter(line => line !== undefined).join('\n'))
  return 1
}

function say(text: string): number {
  io.out(`${text}\n`)
  return 0
}

async function usage(commands: Commands): Promise<string> {
  const all = await Promise.all(Object.values(commands).map(load => load()))
  const lines = all.map(({ name, summary }) => `  ${name.padEnd(13)} ${summary}`)
  return ['Usage: sconce COMMAND [FLAGS]', '', ...lines, '', 'sconce COMMAND --help says more.'].join('\n')
}
