import { rm } from 'node:fs/promises'
import { afterEach, describe, expect, test } from 'vitest'
import type { LogMessage, WorkerPort } from '../../../src/pool/port.ts'
import type { Answer, LoadOrder } from '../../../src/worker/protocol.ts'
import { itemOf, orderFor } from '../../support/load-order.ts'
import { digitsOnnx } from '../../support/model-store.ts'
import { waitFor } from '../../support/wait-for.ts'

/** Opens a port for one order; what its worker says goes to `onLog`. */
export type OpenPort = (order: LoadOrder, onLog: (message: LogMessage) => void) => WorkerPort

const ECHO = `
  export default {
    preprocess: input => ({ text: input.data }),
    inference: batch => batch,
    postprocess: output => output.text + '!',
  }`

/** Waits for a "go" in the log's place: the test looks at what the handler has logged. */
const SLOW = `
  export default {
    preprocess: (input, { logger }) => (logger.info('began'), { text: input.data }),
    inference: batch => new Promise(resolve => setTimeout(() => resolve(batch), 200)),
    postprocess: output => output.text,
  }`

export const textOf = (answer: Answer | undefined) =>
  answer?.ok === true ? Buffer.from(answer.body).toString() : answer?.code

/** What every worker has to do, wherever it runs. */
export function portSuite(name: string, openPort: OpenPort): void {
  const opened: { port: WorkerPort; dir: string }[] = []
  afterEach(async () => {
    for (const { port, dir } of opened.splice(0)) {
      port.kill('was left over by a test')
      await port.ended
      await rm(dir, { recursive: true, force: true })
    }
  })

  async function open(handler: string, more: Partial<LoadOrder> = {}) {
    const order = await orderFor(handler, more)
    const log: LogMessage[] = []
    const port = openPort(order, message => log.push(message))
    opened.push({ port, dir: order.dir })
    return { port, order, log }
  }

  describe(name, () => {
    test('loads a model and tells its inputs and outputs', async () => {
      const { port, order } = await open('export default {}', { modelFile: digitsOnnx })
      const { graph, loadMs } = await port.load(order)
      expect(graph?.inputs).toMatchObject([{ type: 'float32', shape: ['batch', 1, 8, 8] }])
      expect(graph?.outputs).toHaveLength(1)
      expect(loadMs).toBeGreaterThan(0)
    })

    test('gives each request headers of its own, into which a handler may write', async () => {
      const { port, order } = await open(`
        export default {
          preprocess: ({ headers }) => (headers.seen = headers.seen + '!', { text: headers.seen }),
          inference: batch => batch,
          postprocess: output => output.text,
        }`)
      await port.load(order)
      const item = { ...itemOf('a'), headers: Object.freeze({ seen: 'once' }) }
      const { answers } = await port.run('predict', [item, item])
      expect(answers.map(textOf)).toEqual(['once!', 'once!'])
    })

    test('loads a handler that brings its own means', async () => {
      const { port, order } = await open(ECHO)
      expect((await port.load(order)).graph).toBeUndefined()
    })

    test.each([
      ['throws in load', 'export default { load() { throw new Error("no vocabulary") } }', 'no vocabulary'],
      ['throws as it is imported', 'throw new Error("not today")', 'not today'],
      ['throws in its constructor', 'export default class { constructor() { throw new Error("no") } }', 'no'],
      ['exports nothing', 'export const handler = {}', 'Handler handler.ts has no default export'],
      ['exports a number', 'export default 7', 'Handler handler.ts has no default export'],
      ['has a verb that is none', 'export default { inference: 7 }', 'exports "inference", which has to be'],
      ['is no TypeScript', 'export default {', ''],
      ['imports what is not there', 'import "nowhere-to-be-found"', 'nowhere-to-be-found'],
    ])('a handler that %s is a failed load with the reason', async (_case, handler, message) => {
      const { port, order } = await open(handler)
      const failed: Error = await port.load(order).then(
        () => new Error('it was loaded'),
        (error: Error) => error,
      )
      expect(failed.name).toBe('LoadFailed')
      expect(failed.message).toContain(message)
    })

    test('gives one answer per item, in their order, and the times of the three stages', async () => {
      const { port, order } = await open(ECHO)
      await port.load(order)
      const before = performance.timeOrigin + performance.now()
      const { answers, timings } = await port.run('predict', ['a', 'b', 'c'].map(itemOf))
      expect(answers.map(textOf)).toEqual(['a!', 'b!', 'c!'])
      const { preprocess, inference, postprocess } = timings
      const times = [...preprocess, ...inference, ...postprocess]
      expect(times).toEqual(times.toSorted((a, b) => a - b))
      // Two processes read the same clock, each with its own rounding.
      expect(preprocess[0]).toBeGreaterThan(before - 50)
    })

    test('an item that fails, fails alone', async () => {
      const { port, order } = await open(`
        const named = (name, message, more) => Object.assign(new Error(message), { name, ...more })
        export default {
          preprocess(input) {
            if (input.data === 'bad') throw named('InvalidInput', 'Expected good, got bad')
            return { text: input.data }
          },
          inference: batch => batch.map(one => (one.text === 'worse' ? new Error('worse') : one)),
          postprocess({ text }) {
            if (text === 'teapot') throw named('PredictionError', 'I am a teapot', { status: 418 })
            return text
          },
        }`)
      await port.load(order)
      const { answers } = await port.run('predict', ['a', 'bad', 'b', 'worse', 'teapot', 'c'].map(itemOf))
      expect(answers.map(textOf)).toEqual([
        'a',
        'BAD_REQUEST',
        'b',
        'PREDICTION_FAILED',
        'HANDLER_STATUS',
        'c',
      ])
      expect(answers[1]).toMatchObject({ facts: ['Expected good, got bad'] })
      expect(answers[4]).toMatchObject({ facts: ['I am a teapot'], status: 418 })
    })

    test('metrics and log lines of the handler come along', async () => {
      const { port, order, log } = await open(`
        export default {
          preprocess: (_input, { metrics, logger }) => {
            metrics.addCounter('Seen', 2, { colour: 'grey' })
            logger.warn('seen', { size: 8 })
            return {}
          },
          inference: batch => batch,
          postprocess: () => 'ok',
        }`)
      await port.load(order)
      const { metrics } = await port.run('predict', [itemOf('a')])
      expect(metrics).toEqual([{ name: 'Seen', value: 2, unit: 'count', dimensions: { colour: 'grey' } }])
      await waitFor('the log line', () => log.some(({ message }) => message === 'seen'))
      expect(log).toContainEqual({ type: 'log', level: 'warn', message: 'seen', fields: { size: 8 } })
      expect((await port.run('predict', [itemOf('b')])).metrics).toHaveLength(1)
    })

    test('a handler without an explanation says so', async () => {
      const { port, order } = await open(ECHO)
      await port.load(order)
      const { answers } = await port.run('explain', [itemOf('a')])
      expect(answers).toMatchObject([{ ok: false, code: 'NO_EXPLAIN' }])
    })

    test('is stopped once what runs is done', async () => {
      const { port, order } = await open(SLOW)
      await port.load(order)
      const running = port.run('predict', [itemOf('a')])
      port.stop()
      expect((await running).answers.map(textOf)).toEqual(['a'])
      expect((await port.ended).name).toBe('WorkerEnded')
    })

    test('is killed at once, with the reason it was given', async () => {
      const { port, order, log } = await open(SLOW)
      await port.load(order)
      const running = port.run('predict', [itemOf('a')])
      await waitFor('the run', () => log.some(({ message }) => message === 'began'))
      port.kill('took too long')
      await expect(running).rejects.toMatchObject({ name: 'WorkerEnded', message: 'took too long' })
      expect((await port.ended).message).toBe('took too long')
      await expect(port.run('predict', [itemOf('b')])).rejects.toMatchObject({ name: 'WorkerEnded' })
    })

    test('can be killed while it loads', async () => {
      const { port, order } = await open('await new Promise(() => setInterval(() => {}, 1000))')
      const loading = port.load(order)
      port.kill('was not wanted any more')
      await expect(loading).rejects.toMatchObject({ message: 'was not wanted any more' })
    })
  })
}
