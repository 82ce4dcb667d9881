#!/usr/bin/env node
import { useCompiledCode } from './compiled-code.ts'
import { allowForBodies } from './heap-settings.ts'
import { runCommand } from './run-command.ts'

allowForBodies()
useCompiledCode()
await runCommand(process.argv.slice(2), {
  start: async () => (await import('./start.ts')).start,
  models: async () => (await import('./models.ts')).models,
  archive: async () => (await import('./archive.ts')).archive,
  convert: async () => (await import('./convert.ts')).convert,
  'swap-weights': async () => (await import('./swap-weights.ts')).swapWeights,
})
