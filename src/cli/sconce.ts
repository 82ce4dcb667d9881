#!/usr/bin/env node
import { archive } from './archive.ts'
import { convert } from './convert.ts'
import { models } from './models.ts'
import { start } from './start.ts'
import { runCommand } from './run-command.ts'
import { swapWeights } from './swap-weights.ts'

await runCommand(process.argv.slice(2), [start, models, archive, convert, swapWeights])
