import { InvalidInput, type Context, type Handler, type Input, type Tensors } from 'sconce/handler'

/** The graph's columns, in its order. */
const FEATURES = [
  'amount_eur',
  'hour',
  'days_since_signup',
  'minutes_since_last',
  'transactions_24h',
  'distance_km',
  'merchant_risk',
  'card_present',
  'foreign_country',
  'failed_logins_24h',
  'new_device',
  'amount_over_mean',
]

/** One card transaction in, as an object from feature to number; the probability of fraud and a decision out. */
export default class FraudHandler implements Handler {
  #threshold = 0.5

  load({ config, logger }: Context): void {
    const { threshold } = config
    if (threshold !== undefined) {
      if (typeof threshold !== 'number' || threshold <= 0 || threshold >= 1) {
        throw new Error('threshold in model-config.yaml must be a number between 0 and 1')
      }
      this.#threshold = threshold
    }
    logger.info('Decides on fraud', { threshold: this.#threshold })
  }

  preprocess({ data }: Input): Tensors {
    if (data instanceof Uint8Array) {
      throw new InvalidInput('Expected valid JSON, sent with Content-Type: application/json; got other bytes')
    }
    if (!isRecord(data)) throw new InvalidInput('Expected a JSON object from feature to number')
    const wrong = FEATURES.filter(name => typeof data[name] !== 'number')
    if (wrong.length > 0) throw new InvalidInput(`Expected a number for each of: ${wrong.join(', ')}`)
    const row = Float32Array.from(FEATURES, name => Number(data[name]))
    return { features: { type: 'float32', dims: [1, FEATURES.length], data: row } }
  }

  // `inference` stays at its default: the rows of all waiting requests go through the graph together.

  postprocess({ probability }: Tensors, _input: Input, { metrics }: Context): unknown {
    const fraud = Number(probability?.data[0])
    const decision = fraud >= this.#threshold ? 'review' : 'accept'
    if (decision === 'review') metrics.addCounter('Reviews', 1)
    return { fraud, decision }
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
