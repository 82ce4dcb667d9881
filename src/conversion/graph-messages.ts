/** What crosses the boundary between the graph cache and its process: the order as an argument, lines of JSON back. */

export interface OptimiseOrder {
  /** The ONNX file. */
  readonly file: string
  /** The optimised one to write, in a folder that is there; its weights go beside it. */
  readonly output: string
}

export type OptimiseMessage =
  /** `compared` is false where no input was found that the graph runs with. */
  { readonly type: 'done'; readonly compared: boolean } | { readonly type: 'failed'; readonly reason: string }
