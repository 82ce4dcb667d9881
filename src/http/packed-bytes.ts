const LENGTH_BYTES = 4
const FIRST_BYTES = 1024

/** Elements of BYTES, one behind the other as they travel: an object for each would take many times what was sent. */
export class PackedBytes {
  #buffer = Buffer.allocUnsafe(FIRST_BYTES)
  #end = 0

  add(element: Uint8Array): void {
    const end = this.#end + LENGTH_BYTES + element.length
    if (end > this.#buffer.length) {
      const larger = Buffer.allocUnsafe(2 * end)
      larger.set(this.#buffer.subarray(0, this.#end))
      this.#buffer = larger
    }
    this.#buffer.writeUInt32LE(element.length, this.#end)
    this.#buffer.set(element, this.#end + LENGTH_BYTES)
    this.#end = end
  }

  bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.#end)
  }
}
