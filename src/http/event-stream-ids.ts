import { isAsyncIterable, mapAsyncIterator, type Plugin } from 'graphql-yoga'
import { eventIdOf } from '../execution/event-id.ts'

/**
 * Adds the field `id` to the events of an event stream from which a client can resume (HTML standard, 9.2). The client
 * sends the id of its last event as `Last-Event-ID` when it connects again.
 */
export function useEventStreamIds(): Plugin {
  return {
    onResultProcess({ result, setResult }) {
      // Of all responses, only event streams have more than one result.
      if (isAsyncIterable(result)) setResult(mapAsyncIterator(result, withIdField))
    },
  }
}

/** Yoga writes the text of a result as the last line of its event, so another field can follow on its own line. */
function withIdField<Result extends object>(result: Result): Result {
  const id = eventIdOf(result)
  if (id === null) return result
  return { ...result, stringify: (value: object) => `${JSON.stringify(value)}\nid: ${id}` }
}
