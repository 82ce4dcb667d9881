import { commandFlags } from './flags.ts'
import { keys, type Key } from './schema.ts'

const WIDTH = 100
const INDENT = 6

/** The text of `sconce start --help`: every flag with its default and meaning, no line above 100 columns. */
export function helpText(): string {
  const commands = commandFlags.flatMap(({ names, argument, meaning }) =>
    entry([names.join(', '), argument].filter(Boolean).join(' '), meaning),
  )
  const groups = [
    ...Map.groupBy(
      keys.filter(key => key.flags.length > 0),
      key => key.group,
    ),
  ]
  return [
    'Usage: sconce start [flags]',
    '',
    ...wrap(
      'Each flag is also a key of the properties file and a variable TS_<KEY>; variables win over flags, flags ' +
        'over the file. A flag may be given as --flag value or --flag=value.',
      0,
    ),
    '',
    'Commands and files',
    ...commands,
    ...groups.flatMap(([group, members]) => ['', group, ...members.flatMap(describeFlag)]),
    '',
  ].join('\n')
}

function describeFlag(key: Key): string[] {
  const value = key.isSwitch ? '[true|false]' : `<${key.kind}>`
  const standing = {
    supported: '',
    'not yet': ' Not supported yet.',
    ignored: ' Ignored.',
  }
  const fallback = key.defaultText ? ` Default: ${key.secret ? '***' : key.defaultText}.` : ''
  return entry(`${key.flags.join(', ')} ${value}`, key.meaning + standing[key.standing] + fallback)
}

const entry = (head: string, meaning: string) => [...wrap(head, 2), ...wrap(meaning, INDENT)]

/** Lines of at most WIDTH columns, each indented; a word that is longer than that stands alone. */
function wrap(text: string, indent: number): string[] {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const line = lines.at(-1)
    const isRoom = line !== undefined && line.length + 1 + word.length <= WIDTH
    if (isRoom) lines[lines.length - 1] = `${line} ${word}`
    else lines.push(' '.repeat(indent) + word)
  }
  return lines
}
