import { parse, type CodeFile } from './parser.ts'
import { unpickle, type Pickled } from './pickle.ts'
import { asFailure, refuse } from './refusal.ts'
import type { ClassDef, FunctionDef } from './syntax.ts'
import { TorchWorld } from './torch-pickle.ts'
import { shown, ZipFile, type ZipEntry } from './zip.ts'

const MAX_PICKLE = 256 * 1024 * 1024
const MAX_CODE = 64 * 1024 * 1024
const NEWEST = 20
const OLDEST = 3

/** What a zip of PyTorch holds: a program, or only weights. */
export type TorchKind = 'torchscript' | 'weights' | 'exported' | 'unknown'

/** A file that PyTorch wrote. Owns the open file until `close`. */
export class TorchArchive {
  readonly zip: ZipFile
  readonly root: string
  readonly kind: TorchKind
  readonly #files = new Map<string, CodeFile | undefined>()
  #codeBytes = 0

  /** Refuses what is no zip, or is in an order of bytes or of a version that is not known. */
  constructor(path: string) {
    this.zip = asFailure(() => new ZipFile(path))
    try {
      this.root = asFailure(() => rootOf(this.zip))
      this.kind = this.#kind()
      asFailure(() => this.#checkVersion())
    } catch (error) {
      this.close()
      throw error
    }
  }

  close(): void {
    this.zip.close()
  }

  #kind(): TorchKind {
    if (this.#entry('constants.pkl') !== undefined && this.#entry('data.pkl') !== undefined)
      return 'torchscript'
    if (this.#entry('data.pkl') !== undefined) return 'weights'
    const exported = ['archive_format', 'serialized_exported_program.json', 'models/model.json']
    return exported.some(name => this.#entry(name) !== undefined) ? 'exported' : 'unknown'
  }

  #checkVersion(): void {
    const text = this.#text('version') ?? this.#text('.data/version') ?? ''
    if (!/^\d{0,9}$/.test(text)) refuse(`its version is ${shown(text)}`)
    const version = Number(text)
    if (this.kind === 'torchscript' && version < OLDEST)
      refuse(
        `its version is ${text === '' ? 'missing' : text}; from ${OLDEST} on (PyTorch 1.6) they are read`,
      )
    if (version > NEWEST) refuse(`its version is ${text}; versions up to ${NEWEST} are known`)
    if ((this.#text('byteorder') ?? 'little') !== 'little') refuse('its numbers are big-endian')
  }

  /** The number in `version`: what `div` and `full` mean depends on it. */
  get version(): number {
    return Number(this.#text('version') ?? this.#text('.data/version') ?? 0)
  }

  /** The content of a small entry without the space around it. */
  #text(name: string): string | undefined {
    const entry = this.#entry(name)
    return entry === undefined ? undefined : this.zip.content(entry, 100).toString('utf8').trim()
  }

  #entry(name: string): ZipEntry | undefined {
    return this.zip.entries.get(`${this.root}/${name}`)
  }

  /** The object tree of `data.pkl` or `constants.pkl`. */
  pickle(name: 'data' | 'constants'): Pickled {
    const entry = this.#entry(`${name}.pkl`) ?? refuse(`it has no ${name}.pkl`)
    return unpickle(this.zip.content(entry, MAX_PICKLE), new TorchWorld(this.zip, `${this.root}/${name}/`))
  }

  /** The class with the qualified name `__torch__.a.b.C`. */
  classOf(name: string): ClassDef | undefined {
    const { file, last } = this.#locate(name)
    return file?.classes.get(last)
  }

  functionOf(name: string): FunctionDef | undefined {
    const { file, last } = this.#locate(name)
    return file?.functions.get(last)
  }

  #locate(name: string): { file: CodeFile | undefined; last: string } {
    const dot = name.lastIndexOf('.')
    const path = `code/${name.slice(0, dot).replaceAll('.', '/')}.py`
    return { file: this.#code(path), last: name.slice(dot + 1) }
  }

  #code(path: string): CodeFile | undefined {
    if (this.#files.has(path)) return this.#files.get(path)
    const entry = this.#entry(path)
    const file = entry === undefined ? undefined : this.#parse(entry, path)
    this.#files.set(path, file)
    return file
  }

  #parse(entry: ZipEntry, path: string): CodeFile {
    this.#codeBytes += entry.size
    if (this.#codeBytes > MAX_CODE) refuse('it has too much code')
    return parse(this.zip.content(entry, MAX_CODE).toString('utf8'), path.replace(/^code\//, ''))
  }
}

function rootOf(zip: ZipFile): string {
  const [first] = zip.entries.keys()
  const slash = first?.indexOf('/') ?? -1
  return first === undefined || slash < 1
    ? refuse('it is a zip archive, but not one of PyTorch')
    : first.slice(0, slash)
}
