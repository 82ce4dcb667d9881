import { readFile } from 'node:fs/promises'
import { arch, cpus } from 'node:os'

/**
 * What a graph that was laid out for this processor depends on, as text: its kind and, where the system tells them, its
 * instruction sets. A virtual machine may hide some, so the model's name alone is not enough.
 */
export async function cpuFingerprint(cpuinfo = '/proc/cpuinfo'): Promise<string> {
  const text = await readFile(cpuinfo, 'utf8').catch(() => '')
  const line = (name: string) => new RegExp(`^${name}\\s*:\\s*(.*)$`, 'im').exec(text)?.[1] ?? ''
  const features = line('flags') || line('features')
  return [arch(), cpus()[0]?.model ?? '', ...features.split(/\s+/).toSorted()].join(' ')
}
