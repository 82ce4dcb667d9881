#!/usr/bin/env node
import { runCommand } from './run-command.ts'
import { start } from './start.ts'

// TorchServe's launcher goes to the background unless it is told otherwise.
await runCommand(['start', '--background', ...process.argv.slice(2)], [start])
