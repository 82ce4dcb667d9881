import type { Handler } from '../src/runtime/handler.ts'

/**
 * JSON numbers or nested lists in, the graph's outputs as JSON out: every verb at its default.
 *
 * The body is a list for a graph with one input, else an object from input name to list. A list as deep as the input
 * has axes holds this request's rows; one level less is one row, and then the answer is one row too.
 */
const handler: Handler = {}

export default handler
