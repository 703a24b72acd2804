import type { UpstreamError } from '../upstream/errors.ts'

/**
 * Why a call failed, as a sentence for whoever owns the entity. A tenant that shares the key of the service did not send the
 * key that 0-0 refuses.
 */
export function reasonOf(error: UpstreamError, heldKey: string | null): string {
  if (error.code === 'UNAUTHENTICATED' && heldKey !== null) {
    return '0-0 does not accept the API key of this service.'
  }
  return error.message.endsWith('.') ? error.message : `${error.message}.`
}
