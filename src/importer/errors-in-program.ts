/** The program itself raised: `ops.prim.RaiseException(...)` was reached. */
export class Raised extends Error {
  override readonly name = 'Raised'
}
