#!/usr/bin/env node
import { archive } from './archive.ts'
import { start } from './start.ts'
import { runCommand } from './run-command.ts'

await runCommand(process.argv.slice(2), [start, archive])
