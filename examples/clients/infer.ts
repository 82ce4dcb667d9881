/** A tensor in binary, and the answer too, with nothing but fetch: `node examples/clients/infer.ts`. */
const origin = process.env['SCONCE'] ?? 'http://127.0.0.1:8080'

const pixels = new Float32Array(64).fill(0.5)
const header = JSON.stringify({
  inputs: [
    {
      name: 'image',
      datatype: 'FP32',
      shape: [1, 1, 8, 8],
      parameters: { binary_data_size: pixels.byteLength },
    },
  ],
  parameters: { binary_data_output: true },
})

const response = await fetch(`${origin}/v2/models/digits/infer`, {
  method: 'POST',
  headers: { 'inference-header-content-length': String(Buffer.byteLength(header)) },
  body: new Blob([header, pixels]),
})
const body = await response.arrayBuffer()
const headerLength = Number(response.headers.get('inference-header-content-length') ?? body.byteLength)
const answer = JSON.parse(Buffer.from(body, 0, headerLength).toString()) as {
  error?: string
  outputs: { name: string; shape: number[] }[]
}
if (!response.ok) throw new Error(answer.error)
const logits = new Float32Array(body.slice(headerLength))
console.log(answer.outputs[0]?.name, answer.outputs[0]?.shape, logits.length)
