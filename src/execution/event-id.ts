import type { ExecutionResult } from 'graphql'

const EVENT_ID = Symbol('event id')

/** Returns the result of an event with the id from which a client can resume: the cursor of the event, if it has one. */
export function withEventId(result: ExecutionResult, event: object): ExecutionResult {
  if (!('cursor' in event) || typeof event.cursor !== 'string') return result
  // A symbol is not part of the JSON of the result, and stays when a plugin copies the result.
  const withId: ExecutionResult & { [EVENT_ID]: string } = { ...result, [EVENT_ID]: event.cursor }
  return withId
}

/** Returns the id of the event of a result, or null when a client cannot resume from the event. */
export function eventIdOf(result: object): string | null {
  return EVENT_ID in result ? (result[EVENT_ID] as string) : null
}
