import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { InvalidInput, type Context, type Handler, type Input, type Tensors } from 'sconce/handler'

interface Vocabulary {
  readonly labels: readonly string[]
  readonly unknown: number
  readonly words: readonly string[]
}

/** A text in, the probability of each label out. */
export default class SentimentHandler implements Handler {
  #labels: readonly string[] = []
  #unknown = 0n
  #ids = new Map<string, bigint>()

  async load({ model }: Context): Promise<void> {
    // The archive's own file: what it holds is known.
    const vocabulary = JSON.parse(await readFile(join(model.dir, 'vocab.json'), 'utf8')) as Vocabulary
    this.#labels = vocabulary.labels
    this.#unknown = BigInt(vocabulary.unknown)
    this.#ids = new Map(vocabulary.words.map((word, id) => [word, BigInt(id)]))
  }

  preprocess({ data }: Input): Tensors {
    const words = typeof data === 'string' ? data.toLowerCase().split(/\s+/).filter(Boolean) : []
    if (words.length === 0) throw new InvalidInput('Expected a text of at least one word')
    const ids = BigInt64Array.from(words, word => this.#ids.get(word) ?? this.#unknown)
    return { tokens: { type: 'int64', dims: [1, ids.length], data: ids } }
  }

  // `inference` stays at its default: texts of the same length go through the graph together.

  postprocess({ output }: Tensors): unknown {
    const scores = this.#labels.map((_, index) => Math.exp(Number(output?.data[index])))
    const sum = scores.reduce((total, score) => total + score, 0)
    return Object.fromEntries(this.#labels.map((label, index) => [label, (scores[index] ?? 0) / sum]))
  }
}
