/**
 * The long runs: `node test/stress/run.ts [--minutes 1] [--seed 1] [--rounds 300] [--distinct]`. `--rounds 0` leaves
 * the memory out, `--minutes 0` the churn.
 */
import { parseArgs } from 'node:util'
import { churn } from './churn.ts'
import { measureMemory } from './memory.ts'

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '1' },
    seed: { type: 'string', default: '1' },
    rounds: { type: 'string', default: '300' },
    distinct: { type: 'boolean', default: false },
  },
})
const minutes = Number(values.minutes)
const rounds = Number(values.rounds)

if (minutes > 0) {
  const report = await churn({ ms: minutes * 60_000, seed: Number(values.seed) })
  console.log(JSON.stringify({ ...report, failures: report.failures.slice(0, 20) }, undefined, 2))
  const isClean =
    report.failures.length === 0 &&
    report.modelsByAnswers === report.end.models &&
    JSON.stringify(report.end) === JSON.stringify(report.expected)
  console.log(isClean ? 'Nothing failed and nothing was left.' : 'Something failed or was left: see above.')
  if (!isClean) process.exitCode = 1
}

if (rounds > 0) {
  const { rssKb, slopeKb } = await measureMemory(rounds, values.distinct)
  const megabytes = (kb = 0) => `${(kb / 1024).toFixed(1)} MB`
  const third = Math.floor(rounds / 3)
  const points = [0, third, 2 * third, rounds - 1].map(round => `${round + 1}: ${megabytes(rssKb[round])}`)
  console.log(`Resident memory of the server after round ${points.join(', ')}`)
  console.log(`Slope over the last ${rounds - third} of ${rounds} rounds: ${slopeKb.toFixed(2)} kB per round`)
}
