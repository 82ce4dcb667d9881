import { stat } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { byLength, type Bench, type BenchOptions, type Report } from './support/bench.ts'
import { withFolder } from './support/folder.ts'
import { HEAVY, IMAGE_DIMS, makeHeavy, serveHeavy, tensorRequest, type HeavyModel } from './support/heavy.ts'
import { startLoadGenerator, type LoadGenerator } from './support/load.ts'
import { killAndWatch, scaleTo, type Replacement } from './support/management.ts'
import { pssMb } from './support/memory.ts'
import { IMAGE_INPUT, RESNET_50 } from './support/nets.ts'
import { withRunning } from './support/running.ts'
import type { RunningSconce } from './support/servers.ts'
import { startBareSession } from './support/session.ts'
import { median, showNumber, showSpread, spread } from './support/statistics.ts'

const WORKERS = { quick: 2, medium: 4, long: 4 }
const KILLS = { quick: 1, medium: 7, long: 15 }
/** Between two deaths, so that each is an accident of its own and not a worker that cannot live. */
const PAUSE_MS = { quick: 0, medium: 500, long: 1000 }

export const bench: Bench = {
  question: 'What does one more worker of a large model cost, and how fast is a dead one replaced?',
  against:
    'bare processes with onnxruntime-node and the same file, one after the other on the same machine; a net of the ' +
    'class of ResNet-50 (102 MB), memory as PSS: shared pages are counted once',
  run: options =>
    withFolder(async folder => {
      const model = await makeHeavy(folder, RESNET_50, options)
      const fileMb = (await stat(model.file)).size / 1e6
      const most = byLength(options, WORKERS)
      const bare = await growBare(model, most)
      options.say(`workers: ${most} bare processes measured`)
      return withRunning(async keep => {
        const sconce = keep(await serveHeavy(model, options, ['default_workers_per_model=1']))
        const load = keep(startLoadGenerator())
        const sconces = await growSconce(sconce, model, { load, most })
        options.say(`workers: 1 to ${most} workers measured`)
        const deaths = await killSome(sconce, options)
        return report({ fileMb, bare, sconces, deaths })
      })
    }),
}

/** Memory with 1, 2, ... workers, and the milliseconds until each further one was ready. */
interface Growth {
  readonly pssMb: readonly number[]
  readonly readyMs: readonly number[]
}

/** Each worker has run once when memory is read: its activations are part of what it costs. */
async function growSconce(
  sconce: RunningSconce,
  model: HeavyModel,
  { load, most }: { load: LoadGenerator; most: number },
): Promise<Growth> {
  const [pss, ready]: [number[], number[]] = [[], []]
  for (let workers = 1; workers <= most; workers++) {
    if (workers > 1) ready.push(await scaleTo(sconce, HEAVY, workers))
    const arrivals = { kind: 'closed', connections: workers * 2 } as const
    await load.run({ request: tensorRequest(sconce, model), arrivals, durationMs: 1000 })
    pss.push(pssMb(sconce.pid))
  }
  return { pssMb: pss, readyMs: ready }
}

function growBare({ file, values }: HeavyModel, most: number): Promise<Growth> {
  return withRunning(async keep => {
    const sessions: number[] = []
    const [pss, ready]: [number[], number[]] = [[], []]
    const order = {
      file,
      threads: 1,
      input: IMAGE_INPUT,
      dims: IMAGE_DIMS,
      content: { values },
      durationMs: 0,
    }
    for (let count = 1; count <= most; count++) {
      const startedAt = performance.now()
      const session = keep(startBareSession())
      const { p50Us } = await session.run(order)
      ready.push(performance.now() - startedAt - p50Us / 1000)
      sessions.push(session.pid ?? Number.NaN)
      pss.push(sessions.reduce((sum, pid) => sum + pssMb(pid), 0))
    }
    return { pssMb: pss, readyMs: ready }
  })
}

async function killSome(sconce: RunningSconce, options: BenchOptions): Promise<Replacement[]> {
  const deaths: Replacement[] = []
  await scaleTo(sconce, HEAVY, 2)
  for (let count = 0; count < byLength(options, KILLS); count++) {
    await sleep(byLength(options, PAUSE_MS))
    deaths.push(await killAndWatch(sconce, HEAVY))
  }
  return deaths
}

interface Measured {
  readonly fileMb: number
  readonly bare: Growth
  readonly sconces: Growth
  readonly deaths: readonly Replacement[]
}

function report({ fileMb, bare, sconces, deaths }: Measured): Report {
  const perWorker = (growth: Growth): number => {
    const { pssMb: pss } = growth
    return ((pss.at(-1) ?? Number.NaN) - (pss[0] ?? Number.NaN)) / (pss.length - 1)
  }
  const show = (name: string, growth: Growth): string[] => [
    name,
    growth.pssMb.map(value => showNumber(value)).join(' / '),
    showNumber(perWorker(growth)),
    showNumber(perWorker(growth) / fileMb, 2),
    showSpread(spread(growth.readyMs), 0),
  ]
  const noticed = spread(deaths.map(({ noticedMs }) => noticedMs))
  const replaced = spread(deaths.map(({ readyMs }) => readyMs))
  const memory = {
    title: `A model of ${showNumber(fileMb)} MB`,
    columns: ['served by', 'MB with 1 / 2 / ... workers', 'one more: MB', 'of the file', 'ready after ms'],
    rows: [show('Sconce', sconces), show('bare processes', bare)],
  }
  const life = {
    title: `kill -9 of a worker, ${deaths.length} times`,
    columns: ['', 'ms'],
    rows: [
      ['death noticed', showSpread(noticed, 0)],
      ['replacement ready', showSpread(replaced, 0)],
    ],
  }
  return {
    tables: [memory, life],
    notes: [
      'Noticed is when the management API no longer calls the worker ready, which it is asked without pause until then.',
    ],
    results: {
      fileMb,
      sconce: { ...sconces, extraMb: perWorker(sconces), ofFile: perWorker(sconces) / fileMb },
      bare: { ...bare, extraMb: perWorker(bare), ofFile: perWorker(bare) / fileMb },
      readyMs: { sconce: median(sconces.readyMs), bare: median(bare.readyMs) },
      noticedMs: noticed,
      replacedMs: replaced,
    },
  }
}
