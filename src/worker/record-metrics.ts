import type { HandlerMetrics } from '../runtime/handler.ts'
import type { MetricSample } from './protocol.ts'

/** Samples one batch may bring; a handler that floods loses the rest. */
const MAX_SAMPLES = 1000

/** `recorder` is what a handler gets as `context.metrics`; `take` empties it after each batch. */
export function recordMetrics(): { recorder: HandlerMetrics; take: () => MetricSample[] } {
  let samples: MetricSample[] = []
  const add = (name: string, value: number, unit: string, dimensions: Record<string, string> = {}) => {
    if (samples.length < MAX_SAMPLES) samples.push({ name, value, unit, dimensions })
  }
  return {
    recorder: {
      addCounter: (name, value, dimensions) => add(name, value, 'count', dimensions),
      addTime: (name, value, unit = 'ms', dimensions = {}) => add(name, value, unit, dimensions),
      addSize: (name, value, unit = 'MB', dimensions = {}) => add(name, value, unit, dimensions),
      addPercent: (name, value, dimensions) => add(name, value, 'percent', dimensions),
      addMetric: add,
    },
    take: () => {
      const taken = samples
      samples = []
      return taken
    },
  }
}
