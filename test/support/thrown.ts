import { Failure } from '../../src/errors.ts'

/** The Failure that `action` throws or rejects with. Anything else, and none at all, fails the test. */
export async function thrown(action: () => unknown): Promise<Failure> {
  try {
    await action()
  } catch (error) {
    if (error instanceof Failure) return error
    throw error
  }
  throw new Error('Expected a failure, but there was none')
}
