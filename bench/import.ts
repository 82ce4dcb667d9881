import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { importTorchScript } from '../src/importer/import.ts'
import { parseInputFlag } from '../src/importer/inputs.ts'
import { byLength, type Bench, type Report } from './support/bench.ts'
import { median, showNumber } from './support/statistics.ts'

const MODELS = [
  { file: 'test/fixtures/digits/digits.pt', input: 'image=float32[batch,1,8,8]' },
  { file: 'test/fixtures/sentiment/sentiment_transformer.pt', input: 'tokens=int64[batch,length]' },
  { file: 'test/fixtures/torchscript/tiny_resnet/tiny_resnet.pt', input: 'image=float32[batch,3,64,64]' },
]
const ROUNDS = { quick: 3, medium: 15, long: 15 }

export const bench: Bench = {
  question: 'How long does it take to turn a PyTorch file into an ONNX file?',
  against: `reading the same file in the same minutes; medians of ${ROUNDS.long} rounds, the first left out`,
  async run(options): Promise<Report> {
    const folder = await mkdtemp(join(tmpdir(), 'bench-import-'))
    const rows: string[][] = []
    try {
      for (const { file, input } of modelsToMeasure()) {
        const measured = await measure(file, input, {
          target: join(folder, 'model.onnx'),
          rounds: byLength(options, ROUNDS),
        })
        options.say(`${basename(file)}: ${showNumber(measured.importMs, 1)} ms`)
        const size = (await stat(file)).size / 1e6
        const ratio = measured.importMs / measured.readMs
        const times = [measured.firstMs, measured.importMs, measured.readMs, ratio].map(value =>
          showNumber(value, 1),
        )
        rows.push([basename(file), showNumber(size, 1), String(measured.nodes), ...times])
      }
    } finally {
      await rm(folder, { recursive: true })
    }
    const columns = ['file', 'MB', 'nodes', 'first ms', 'import ms', 'read ms', 'x']
    const peak = process.resourceUsage().maxRSS / 1e3
    const notes = [
      `Peak memory of the process: ${showNumber(peak)} MB.`,
      'BENCH_MODEL="FILE.pt" and BENCH_INPUT="x=float32[...]" add a model.',
    ]
    return { tables: [{ title: 'Import and write', columns, rows }], notes, results: rows }
  },
}

function modelsToMeasure() {
  const { BENCH_MODEL: file, BENCH_INPUT: input } = process.env
  return file === undefined || input === undefined ? MODELS : [...MODELS, { file, input }]
}

async function measure(file: string, input: string, { target, rounds }: { target: string; rounds: number }) {
  const [imports, reads]: [number[], number[]] = [[], []]
  let nodes = 0
  for (let round = 0; round < rounds; round++) {
    const start = performance.now()
    const result = await importTorchScript(file, { inputs: [parseInputFlag(input)] })
    await result.write(target)
    result.close()
    imports.push(performance.now() - start)
    nodes = result.report.nodes
    const read = performance.now()
    await readFile(file)
    reads.push(performance.now() - read)
  }
  return {
    nodes,
    firstMs: imports[0] ?? 0,
    importMs: median(imports.slice(1)),
    readMs: median(reads.slice(1)),
  }
}
