import { bestClasses, classScores, scoresOutput, softmax } from '../src/runtime/classes.ts'
import { readClassifierOptions } from '../src/runtime/classifier-options.ts'
import type { ClassifierOptions } from '../src/runtime/classifier-options.ts'
import type { Context, Handler, Input, Sample, Tensors } from '../src/runtime/handler.ts'
import { blankImage } from '../src/runtime/image.ts'
import { readImage } from '../src/runtime/image-input.ts'
import { planImages } from '../src/runtime/image-options.ts'
import type { ImagePlan } from '../src/runtime/image-options.ts'
import { loadLabels } from '../src/runtime/labels.ts'
import type { Labels } from '../src/runtime/labels.ts'

/**
 * An image in, `{label: probability}` of the best classes out, best first. Preparation and answer are set under
 * `image_classifier` in model-config.yaml; labels come from index_to_name.json.
 */
export default class ImageClassifier implements Handler {
  // Set by load, which runs before every other verb.
  #plan!: ImagePlan
  #options!: ClassifierOptions
  #labels!: Labels
  #output!: string

  load({ session, config, model }: Context): void {
    const { images, ...options } = readClassifierOptions(config)
    this.#options = options
    this.#plan = planImages(session.graph, images)
    this.#output = scoresOutput(session.graph).name
    this.#labels = loadLabels(model.dir)
  }

  preprocess(input: Input, context: Context): Promise<Tensors> {
    return readImage(input, context, this.#plan)
  }

  /** An image of the size that the graph takes. */
  async sample(): Promise<Sample> {
    return { contentType: 'image/png', body: await blankImage(this.#plan.crop) }
  }

  /** One image gives one object; a nested list of several images gives a list of them. */
  postprocess(output: Tensors): unknown {
    const scores = output[this.#output]
    if (scores === undefined) throw new Error(`The graph gave no output "${this.#output}"`)
    const answers = classScores(scores).map(row => {
      const probabilities = this.#options.apply === 'softmax' ? softmax(row) : row
      return bestClasses(probabilities, this.#options.topK, this.#labels)
    })
    return answers.length === 1 ? answers[0] : answers
  }
}
