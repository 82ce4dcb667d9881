import * as ort from 'onnxruntime-node'

/** Runs a model once; the outputs come in the order of the graph. */
export async function runModel(model: Uint8Array, inputs: readonly ort.Tensor[]): Promise<ort.Tensor[]> {
  const session = await ort.InferenceSession.create(model, { logSeverityLevel: 3, intraOpNumThreads: 1 })
  try {
    const feeds = Object.fromEntries(
      session.inputNames.map((name, index) => [name, inputs[index] as ort.Tensor]),
    )
    const results = await session.run(feeds)
    return session.outputNames.map(name => results[name] as ort.Tensor)
  } finally {
    await session.release()
  }
}

/** The largest difference between two tensors over max(1, largest answer); Infinity where their shapes differ. */
export function difference(got: ort.Tensor | undefined, wanted: ort.Tensor): number {
  if (got === undefined || got.dims.join() !== wanted.dims.join()) return Infinity
  const [a, b] = [numbers(got), numbers(wanted)]
  let [worst, largest] = [0, 1]
  b.forEach((want, index) => {
    const have = a[index] ?? NaN
    if (Object.is(have, want) || (Number.isNaN(have) && Number.isNaN(want)) || have === want) return
    worst = Math.max(worst, Number.isFinite(want) && Number.isFinite(have) ? Math.abs(have - want) : Infinity)
    if (Number.isFinite(want)) largest = Math.max(largest, Math.abs(want))
  })
  for (const want of b) if (Number.isFinite(want)) largest = Math.max(largest, Math.abs(want))
  return worst / largest
}

function numbers(tensor: ort.Tensor): number[] {
  return Array.from(tensor.data as ArrayLike<number | bigint>, Number)
}
