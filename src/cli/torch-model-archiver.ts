#!/usr/bin/env node
import { useCompiledCode } from './compiled-code.ts'
import { runCommand } from './run-command.ts'

useCompiledCode()
await runCommand(['archive', ...process.argv.slice(2)], {
  archive: async () => (await import('./archive.ts')).archive,
})
