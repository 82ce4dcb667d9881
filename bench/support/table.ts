import type { Table } from './bench.ts'

/** A table for a terminal: the first column to the left, figures to the right. */
export function showTable({ title, columns, rows }: Table): string {
  const widths = columns.map((column, index) =>
    Math.max(column.length, ...rows.map(row => row[index]?.length ?? 0)),
  )
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, index) => (index === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[index] ?? 0)))
      .join('  ')
      .trimEnd()
  const rule = widths.map(width => '-'.repeat(width)).join('  ')
  return [title, '', ...[columns].map(line), rule, ...rows.map(line)].join('\n')
}

/** The same for a document. */
export function showMarkdown({ title, columns, rows }: Table): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  const rule = columns.map((_, index) => (index === 0 ? '---' : '--:'))
  return [`**${title}**`, '', line(columns), line(rule), ...rows.map(line)].join('\n')
}
