import type { Operator, Operators } from '../operator.ts'
import { activations } from './activations.ts'
import { arithmetic } from './arithmetic.ts'
import { attention } from './attention.ts'
import { convolution } from './convolution.ts'
import { creation } from './creation.ts'
import { embeddings } from './embedding.ts'
import { extremes } from './extremes.ts'
import { formulas } from './formulas.ts'
import { indexing } from './indexing.ts'
import { joining } from './joining.ts'
import { linearOperators } from './linear.ts'
import { losses } from './losses.ts'
import { more } from './more.ts'
import { normalisation } from './normalisation.ts'
import { orders } from './orders.ts'
import { pointwise } from './pointwise.ts'
import { pooling } from './pooling.ts'
import { quantised } from './quantised.ts'
import { queries } from './queries.ts'
import { rearranging } from './rearranging.ts'
import { recurrentOperators } from './recurrent.ts'
import { reductions } from './reductions.ts'
import { resizing } from './resizing.ts'
import { running } from './running.ts'
import { scattering } from './scattering.ts'
import { slicing } from './slicing.ts'
import { views } from './views.ts'

const families: Readonly<Record<string, Operators>> = {
  'Pointwise functions': pointwise,
  Activations: activations,
  'Arithmetic and comparisons': arithmetic,
  'Formulas of several tensors': formulas,
  Convolutions: convolution,
  Pooling: pooling,
  Normalisation: normalisation,
  'Products of matrices': linearOperators,
  Attention: attention,
  'Recurrent networks': recurrentOperators,
  'Resizing and sampling': resizing,
  'Quantised layers': quantised,
  'Views and conversions': views,
  'Parts of tensors': slicing,
  Joining: joining,
  'Padding and rearranging': rearranging,
  Reductions: reductions,
  'Largest and smallest': extremes,
  'Orders and distances': orders,
  'Running totals and extremes': running,
  'Rows of tables': embeddings,
  'Picking elements': indexing,
  'Writing elements': scattering,
  Losses: losses,
  'Less usual operators': more,
  Creation: creation,
  Queries: queries,
}

const all = new Map<string, Operator>(Object.values(families).flatMap(family => Object.entries(family)))

/** The mapping of `relu` (of `aten`) or `prim::dtype`. */
export function operatorNamed(name: string): Operator | undefined {
  return all.get(name)
}

/** Every operator that can be imported, by family, for the reference page. */
export function listOperators(): { family: string; names: string[] }[] {
  return Object.entries(families).map(([family, operators]) => ({
    family,
    names: Object.keys(operators).toSorted(),
  }))
}
