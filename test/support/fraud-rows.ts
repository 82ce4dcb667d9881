import { readFileSync } from 'node:fs'
import { join } from 'node:path'

export interface FraudRow {
  /** The twelve inputs of the model. */
  readonly features: readonly number[]
  /** PyTorch's answer. */
  readonly expected: number
}

/** The rows of the fraud fixture. */
export function readRows(): FraudRow[] {
  const text = readFileSync(join(import.meta.dirname, '../fixtures/fraud/test_rows.csv'), 'utf8')
  const rows = text.trim().split('\n').slice(1)
  return rows.map(line => {
    const cells = line.split(',').map(Number)
    return { features: cells.slice(0, 12), expected: cells[13] ?? Number.NaN }
  })
}
