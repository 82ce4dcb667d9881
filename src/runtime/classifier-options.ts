import { IMAGE_RULES, type ImageOptions } from './image-options.ts'
import { oneOf, readSection, wholeFrom } from './section.ts'

const TOP_K = wholeFrom(1)

const RULES = {
  ...IMAGE_RULES,
  /** How many classes an answer has; never more than there are. 5 if not given. */
  top_k: TOP_K,
  /** `none` where the graph ends in a softmax itself. */
  apply: oneOf('softmax', 'none'),
}

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
  const section = readSection(RULES, 'image_classifier', config['image_classifier'])
  const { top_k: inner, apply = 'softmax', ...images } = section
  const { top_k: outer } = readSection({ top_k: TOP_K }, 'model-config', { top_k: config['top_k'] })
  return { topK: inner ?? outer ?? 5, apply, images }
}
