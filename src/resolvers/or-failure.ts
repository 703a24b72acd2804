import { type CreateFailure, failureOf, isCreateFailure } from '../model/failure.ts'

/** Returns the result of `create`, or the CreateFailure that it throws. Throws any other error. */
export async function orFailure<T>(create: () => Promise<T>): Promise<T | CreateFailure> {
  try {
    return await create()
  } catch (error) {
    const failure = failureOf(error)
    if (failure === null || !isCreateFailure(failure)) throw error
    return failure
  }
}
