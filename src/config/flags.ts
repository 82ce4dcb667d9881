import { didYouMean } from '../nearest.ts'
import { quote } from './shown.ts'
import { keys, type Key, type KeyName } from './schema.ts'

/** What `sconce` is asked to do. */
export interface Command {
  readonly action: 'start' | 'stop' | 'version' | 'help'
  readonly background: boolean
}

/** A value of a key and the place that gave it, in words for a person. */
export interface Given {
  readonly text: string
  readonly where: string
}

export interface Flags {
  readonly command: Command
  readonly configFile: string | undefined
  /** Neither are snapshots written, nor is one restored. */
  readonly areSnapshotsOff: boolean
  readonly values: ReadonlyMap<KeyName, Given>
  readonly problems: readonly string[]
  readonly warnings: readonly string[]
}

interface Draft {
  action: Command['action'] | undefined
  background: boolean
  configFile: string | undefined
  areSnapshotsOff: boolean
  readonly values: Map<KeyName, Given>
  readonly problems: string[]
  readonly warnings: string[]
}

/** A flag that is not a key. `value` is its argument, undefined for those that take none. */
export interface CommandFlag {
  readonly names: readonly string[]
  readonly argument?: string
  readonly meaning: string
}

type Apply = (draft: Draft, value: string) => void

const act =
  (action: Command['action']): Apply =>
  draft => {
    const asked = [draft.action, action]
    if (asked.includes('start') && asked.includes('stop'))
      draft.problems.push('--start and --stop exclude each other')
    // Help and version win over what else is asked.
    if (draft.action !== 'help' && draft.action !== 'version') draft.action = action
  }

export const commandFlags: readonly (CommandFlag & { readonly apply: Apply })[] = [
  { names: ['--start'], meaning: 'Start the server (also without any flag).', apply: act('start') },
  { names: ['--stop'], meaning: 'Stop the server that runs in the background.', apply: act('stop') },
  {
    names: ['--foreground'],
    meaning: 'Run in front (the default).',
    apply: draft => void (draft.background = false),
  },
  {
    names: ['--background'],
    meaning: 'Run in the background.',
    apply: draft => void (draft.background = true),
  },
  {
    names: ['--ts-config'],
    argument: 'FILE',
    meaning:
      'Properties file, or one model in protobuf text form (.pbtxt); TS_CONFIG_FILE wins. Without either: ' +
      './config.properties and the newest snapshot, where there are any.',
    apply: (draft, value) => void (draft.configFile = value),
  },
  {
    names: ['--log-config'],
    argument: 'FILE',
    meaning: 'Accepted and ignored: it is for log4j. See --log-format and --log-level.',
    apply: draft =>
      void draft.warnings.push('--log-config is ignored: it is for log4j; see --log-format, --log-level'),
  },
  {
    names: ['--no-config-snapshots', '--ncs'],
    meaning: 'Write no snapshots, and restore none.',
    apply: draft => void (draft.areSnapshotsOff = true),
  },
  { names: ['--version', '-v'], meaning: 'Print the version.', apply: act('version') },
  { names: ['--help', '-h'], meaning: 'Print this text.', apply: act('help') },
]

const commandFlagByName = new Map(commandFlags.flatMap(flag => flag.names.map(name => [name, flag] as const)))
const keyByFlag = new Map(keys.flatMap(key => key.flags.map(flag => [flag, key] as const)))
const flagNames = [...commandFlagByName.keys(), ...keyByFlag.keys()]

/**
 * Reads the arguments after the command's name. A repeated flag takes its last value. Nothing is thrown: what is wrong
 * stands in `problems`, one line each, so that it can be reported with the problems of the other sources.
 */
export function parseFlags(argv: readonly string[]): Flags {
  const draft: Draft = {
    action: undefined,
    background: false,
    configFile: undefined,
    areSnapshotsOff: false,
    values: new Map(),
    problems: [],
    warnings: [],
  }
  const rest = [...argv]
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) readFlag(word, rest, draft)
  const { action = 'start', background, ...given } = draft
  return { command: { action, background }, ...given }
}

/** Reads the flag `word`, taking its values from the head of `rest`. */
function readFlag(word: string, rest: string[], draft: Draft): void {
  const [, name = word, attached] = /^(--[^=]+)=([^]*)$/.exec(word) ?? []
  const command = commandFlagByName.get(name)
  const key = keyByFlag.get(name)
  if (command !== undefined) return readCommandFlag({ name, attached, command }, rest, draft)
  if (key === undefined) return void draft.problems.push(unknownFlag(name))
  const text = attached ?? takeValue(key, rest)
  if (text === undefined) return void draft.problems.push(`${name} needs a value: ${key.kind}`)
  draft.values.set(key.name, { text, where: name })
}

interface FoundCommandFlag {
  readonly name: string
  readonly attached: string | undefined
  readonly command: (typeof commandFlags)[number]
}

function readCommandFlag({ name, attached, command }: FoundCommandFlag, rest: string[], draft: Draft): void {
  if (command.argument === undefined) {
    return attached === undefined
      ? command.apply(draft, '')
      : void draft.problems.push(`${name} takes no value`)
  }
  const value = attached ?? takeOne(rest)
  if (value === undefined || value === '') return void draft.problems.push(`${name} needs a value`)
  command.apply(draft, value)
}

function takeValue(key: Key, rest: string[]): string | undefined {
  if (key.isSwitch) return /^(?:true|false)$/i.test(rest[0] ?? '') ? rest.shift() : 'true'
  if (key.name !== 'load_models') return takeOne(rest)
  const models: string[] = []
  for (let model = takeOne(rest); model !== undefined; model = takeOne(rest)) models.push(model)
  return models.length === 0 ? undefined : models.join(',')
}

/** The next argument when it is not a flag itself; a negative number is a value. */
function takeOne(rest: string[]): string | undefined {
  return rest[0] === undefined || /^-(?!\d)/.test(rest[0]) ? undefined : rest.shift()
}

function unknownFlag(word: string): string {
  if (!word.startsWith('-')) return `Unexpected argument ${quote(word)}; values follow their flag`
  return `Unknown flag ${quote(word)}${didYouMean(word, flagNames)}`
}
