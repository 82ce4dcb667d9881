/** The server's memory over many rounds of registering, predicting and unregistering one model after the other. */
import { freshTmpdir } from '../support/server.ts'
import { ServerProcess } from './server-process.ts'
import { archiveOf, makeStressStore } from './store.ts'

/** What the collector has only put off would look like growth: in a small heap it cannot put off much. */
export const SMALL_HEAP = ['--max-old-space-size=48', '--max-semi-space-size=2']

export interface MemoryReport {
  readonly rounds: number
  /** Resident memory of the server's own process after each round, kB. */
  readonly rssKb: readonly number[]
  /** Least squares over the rounds after the first third, kB per round. */
  readonly slopeKb: number
}

/** With `distinct` each round's model has a name of its own. */
export async function measureMemory(rounds: number, distinct: boolean): Promise<MemoryReport> {
  const tmp = await freshTmpdir()
  const store = await makeStressStore(['one'], ['1'])
  const server = await ServerProcess.start(store.dir, tmp.dir, SMALL_HEAP)
  const rssKb: number[] = []
  try {
    for (let round = 0; round < rounds; round++) {
      const name = distinct ? `one-${round}` : 'one'
      const query = `url=${archiveOf('one', '1')}&model_name=${name}&initial_workers=1`
      await expectOk(fetch(`${server.management}/models?${query}`, { method: 'POST' }))
      await expectOk(fetch(`${server.inference}/predictions/${name}`, { method: 'POST', body: 'x' }))
      await expectOk(fetch(`${server.management}/models/${name}`, { method: 'DELETE' }))
      rssKb.push(await server.rssKb())
    }
    return { rounds, rssKb, slopeKb: slope(rssKb.slice(Math.floor(rounds / 3))) }
  } finally {
    await server.stop()
    await store.remove()
    await tmp.remove()
  }
}

async function expectOk(answer: Promise<Response>): Promise<void> {
  const response = await answer
  const text = await response.text()
  if (!response.ok) throw new Error(`${response.url}: ${response.status} ${text}`)
}

/** Of the line through evenly spaced values with the least squares. */
export function slope(values: readonly number[]): number {
  const middle = (values.length - 1) / 2
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  const spread = values.reduce((sum, _value, index) => sum + (index - middle) ** 2, 0)
  return values.reduce((sum, value, index) => sum + (index - middle) * (value - mean), 0) / spread
}
