import { type CreateFailure, failureOf, isCreateFailure } from '../model/failure.ts'

/** Returns what `create` returns, or the failure that is its result instead. Throws any other error. */
export async function orFailure<T>(create: () => Promise<T>): Promise<T | CreateFailure> {
  try {
    return await create()
  } catch (error) {
    const failure = failureOf(error)
    if (failure === null || !isCreateFailure(failure)) throw error
    return failure
  }
}
