import { z } from 'zod'
import { ImageOptions, readSection } from './image-options.ts'

const TopK = z.int().min(1)

const Section = z.strictObject({
  ...ImageOptions.shape,
  top_k: TopK.optional().describe(
    'How many classes an answer has; never more than there are. 5 if not given.',
  ),
  apply: z
    .enum(['softmax', 'none'])
    .default('softmax')
    .describe('`none` where the graph ends in a softmax itself.'),
})

export interface ClassifierOptions {
  readonly topK: number
  readonly apply: 'softmax' | 'none'
}

/**
 * The section `image_classifier` of model-config.yaml, with `top_k` also at the top level. INVALID_MODEL that names
 * the keys which do not fit.
 */
export function readClassifierOptions(
  config: Readonly<Record<string, unknown>>,
): ClassifierOptions & { readonly images: ImageOptions } {
  const {
    top_k: inner,
    apply,
    ...images
  } = readSection(Section, 'image_classifier', config['image_classifier'])
  const { top_k: outer } = readSection(z.object({ top_k: TopK.optional() }), 'model-config', {
    top_k: config['top_k'],
  })
  return { topK: inner ?? outer ?? 5, apply, images }
}
