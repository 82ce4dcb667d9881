/** Figures of a block beside those of its reference: the columns, a row and the plain data of each. */
import { differences, pick, ratios, showRounds, type Rounds } from './rounds.ts'
import { median, showNumber, showSpread, spread } from './statistics.ts'

export interface Figure<Block> {
  readonly key: string
  /** Heading of its column. */
  readonly title: string
  readonly digits?: number
  /** `ratio` unless it says otherwise; `none`: shown alone. */
  readonly compare?: 'ratio' | 'difference' | 'none'
  readonly of: (block: Block) => number
}

/** What is compared with what. */
export interface Pair {
  readonly name: string
  readonly reference: string
}

/** `x` stands for the ratio and `+` for the difference. */
export function figureColumns<Block>(figures: readonly Figure<Block>[]): string[] {
  return [...figures.flatMap(figure => [figure.title, ...comparedTitle(figure)]), 'rounds']
}

function comparedTitle<Block>({ compare = 'ratio' }: Figure<Block>): string[] {
  if (compare === 'none') return []
  return [compare === 'ratio' ? 'x' : '+']
}

/** A row for each name; the reference itself is compared with nothing. */
export function figureCells<Block>(
  measured: Rounds<Block>,
  figures: readonly Figure<Block>[],
  { name, reference }: Pair,
): string[] {
  const cells = figures.flatMap(figure => {
    const own = showNumber(median(pick(measured, name, figure.of)), figure.digits)
    if (figure.compare === 'none') return [own]
    if (name === reference) return [own, '']
    const digits = figure.compare === 'difference' ? figure.digits : 2
    return [own, showSpread(compared(measured, figure, { name, reference }), digits)]
  })
  return [...cells, name === reference ? '' : showRounds(measured)]
}

/** The same as plain data. */
export function figureResults<Block>(
  measured: Rounds<Block>,
  figures: readonly Figure<Block>[],
  { name, reference }: Pair,
): Record<string, unknown> {
  const { rounds, dropped, noisy } = measured
  const values = figures.map(figure => {
    const own = median(pick(measured, name, figure.of))
    if (figure.compare === 'none') return [figure.key, own]
    return [
      figure.key,
      {
        own,
        reference: median(pick(measured, reference, figure.of)),
        [figure.compare ?? 'ratio']: compared(measured, figure, { name, reference }),
      },
    ]
  })
  return { name, reference, rounds: rounds.length, dropped, noisy, ...Object.fromEntries(values) }
}

function compared<Block>(measured: Rounds<Block>, figure: Figure<Block>, { name, reference }: Pair) {
  const compare = figure.compare === 'difference' ? differences : ratios
  return spread(compare(measured, [name, reference], figure.of))
}
