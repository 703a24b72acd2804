import type { UpstreamError } from '../upstream/upstream-error.ts'

/**
 * Returns the reason of a failed call as a sentence for the owner of the entity. With a key of this service
 * (`heldKey`), UNAUTHENTICATED does not concern a key that the owner sent.
 */
export function reasonOf(error: UpstreamError, heldKey: string | null): string {
  if (error.code === 'UNAUTHENTICATED' && heldKey !== null) {
    return '0-0 does not accept the API key of this service.'
  }
  return error.message.endsWith('.') ? error.message : `${error.message}.`
}
