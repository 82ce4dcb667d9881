/**
 * `node scripts/soak.ts [--minutes 10]`: mixed traffic, and then the slopes of what the server holds. The exit code is 1
 * where one is above its limit, or an answer was not what it should be. Below ten minutes the warm-up shows.
 */
import { parseArgs } from 'node:util'
import { soak } from '../test/stress/soak.ts'

/** Per minute. */
const LIMITS = { rssKb: 1024, heapKb: 512, openFiles: 1 }

const { values } = parseArgs({ options: { minutes: { type: 'string', default: '10' } } })
const { samples, slopes, answers, failures } = await soak({ ms: Number(values.minutes) * 60_000 })

const show = (value = NaN) => value.toFixed(1).padStart(10)
console.log(
  `${'per minute'.padEnd(12)}${['first', 'last', 'slope', 'limit'].map(word => word.padStart(10)).join('')}`,
)
for (const name of ['rssKb', 'heapKb', 'openFiles'] as const) {
  const figures = [samples[0]?.[name], samples.at(-1)?.[name], slopes[name], LIMITS[name]]
  console.log(`${name.padEnd(12)}${figures.map(show).join('')}`)
}
console.log(JSON.stringify(answers, undefined, 2))
for (const failure of new Set(failures)) console.log(`Not as it should be: ${failure}`)
const isAbove = (['rssKb', 'heapKb', 'openFiles'] as const).some(name => slopes[name] > LIMITS[name])
if (isAbove || failures.length > 0) process.exitCode = 1
