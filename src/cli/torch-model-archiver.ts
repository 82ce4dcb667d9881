#!/usr/bin/env node
import { archive } from './archive.ts'
import { runCommand } from './run-command.ts'

await runCommand(['archive', ...process.argv.slice(2)], [archive])
