import { foreignCores, readCpu } from './cpu.ts'
import { byLength, type BenchOptions } from './bench.ts'

export interface RoundsOptions<T> extends Pick<BenchOptions, 'length' | 'say'> {
  /** What this is, for the progress. */
  readonly title: string
  /** Names of the things compared; each round measures each of them once. */
  readonly names: readonly string[]
  /** Rounds that count in a long run; a medium one makes two in three of them, a quick one a single one. */
  readonly rounds: number
  measure(name: string): Promise<T>
}

/** One measurement of each thing, taken one after the other. */
export type Round<T> = ReadonlyMap<string, T>

export interface Rounds<T> {
  readonly rounds: readonly Round<T>[]
  /** Rounds in which something else used the machine, and which were measured again. */
  readonly dropped: number
  /** Rounds that count although something else used the machine: it was never calm. */
  readonly noisy: number
}

/** What other processes may use during a round, in cores. */
const CALM_CORES = 0.15

/**
 * Measures in rounds, the order turned around in every other one, so that a slow phase of the machine meets all
 * alike. Rounds in which other processes used the machine are measured again: two of them, in a long run as many as
 * are wanted.
 */
export async function measureRounds<T>(options: RoundsOptions<T>): Promise<Rounds<T>> {
  const medium = Math.ceil((options.rounds * 2) / 3)
  const wanted = byLength(options, { quick: 1, medium, long: options.rounds })
  const most = byLength(options, { quick: 1, medium: medium + 2, long: wanted * 2 })
  const calm: Round<T>[] = []
  const noisy: Round<T>[] = []
  for (let count = 0; count < most && calm.length < wanted; count++) {
    const before = readCpu()
    const round = await measureRound(options, count)
    const foreign = foreignCores(before, readCpu())
    const isNoisy = foreign > CALM_CORES
    ;(isNoisy ? noisy : calm).push(round)
    options.say(
      `${options.title}: round ${count + 1}${isNoisy ? `, ${foreign.toFixed(2)} cores busy elsewhere` : ''}`,
    )
  }
  const filled = noisy.slice(0, wanted - calm.length)
  return { rounds: [...calm, ...filled], dropped: noisy.length - filled.length, noisy: filled.length }
}

async function measureRound<T>(options: RoundsOptions<T>, count: number): Promise<Round<T>> {
  const round = new Map<string, T>()
  const names = count % 2 === 0 ? options.names : options.names.toReversed()
  for (const name of names) round.set(name, await options.measure(name))
  return round
}

/** One figure of one thing in every round. */
export function pick<T>({ rounds }: Rounds<T>, name: string, figure: (value: T) => number): number[] {
  return rounds.map(round => figure(at(round, name)))
}

/** The figure of `name` over that of `reference`, round by round. */
export function ratios<T>(
  rounds: Rounds<T>,
  pair: readonly [string, string],
  figure: (value: T) => number,
): number[] {
  const [name, reference] = pair
  return rounds.rounds.map(round => figure(at(round, name)) / figure(at(round, reference)))
}

/** The same as a difference. */
export function differences<T>(
  rounds: Rounds<T>,
  pair: readonly [string, string],
  figure: (value: T) => number,
): number[] {
  const [name, reference] = pair
  return rounds.rounds.map(round => figure(at(round, name)) - figure(at(round, reference)))
}

/** `7 (2 noisy, 5 dropped)`. */
export function showRounds({ rounds, noisy, dropped }: Rounds<unknown>): string {
  const parts = [...(noisy > 0 ? [`${noisy} noisy`] : []), ...(dropped > 0 ? [`${dropped} dropped`] : [])]
  return parts.length === 0 ? String(rounds.length) : `${rounds.length} (${parts.join(', ')})`
}

/** What a table's column `rounds` says. */
export const ROUNDS_NOTE =
  `In a noisy round other processes used more than ${CALM_CORES} cores; such rounds are measured again, and count only ` +
  'where there are not enough calm ones.'

function at<T>(round: Round<T>, name: string): T {
  const value = round.get(name)
  if (value === undefined) throw new Error(`A round without ${name} is a bug in measureRounds`)
  return value
}
