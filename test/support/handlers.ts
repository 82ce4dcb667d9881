/** Sources of handlers that tests put into archives. */

/** Answers with every parameter: its name, and its value as text, bytes with `bytes:` in front. */
export const PARAMETERS = `
  const show = value => (value instanceof Uint8Array ? 'bytes:' + Buffer.from(value).toString('latin1') : value)
  export default {
    preprocess: input => ({ input }),
    inference: batch => batch,
    postprocess: (_output, { parameters, headers }) => ({
      parameters: Object.fromEntries([...parameters].map(([name, value]) => [name, show(value)])),
      headers,
    }),
  }`

/** Answers with the body; before that it computes for as many milliseconds as the header x-busy-ms says. */
export const BUSY = `
  export default {
    preprocess: input => ({ input }),
    inference(batch) {
      for (const { input } of batch) {
        const end = performance.now() + Number(input.headers['x-busy-ms'] ?? 0)
        while (performance.now() < end);
      }
      return batch
    },
    postprocess: (_output, { data }) => data,
  }`
