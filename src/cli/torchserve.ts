#!/usr/bin/env node
import { useCompiledCode } from './compiled-code.ts'
import { runCommand } from './run-command.ts'

useCompiledCode()
// TorchServe's launcher goes to the background unless it is told otherwise.
await runCommand(['start', '--background', ...process.argv.slice(2)], {
  start: async () => (await import('./start.ts')).start,
})
