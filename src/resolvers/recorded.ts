import type { Registration } from '../ledger/ledger.ts'
import type { Address, Kind, Resource } from '../ledger/resource.ts'
import type { Context } from './context.ts'

/**
 * What 0-0 has just created, registered so that it is listed and tracked.
 * When that fails the creation still happened and is answered with, though only upstream knows of it.
 */
export async function recorded<K extends Kind>(
  address: Address<K>,
  registration: Registration<K>,
  { ledger, onError }: Context,
): Promise<Resource<K>> {
  try {
    return await ledger.register(address, registration)
  } catch (error) {
    onError(error)
    const { snapshot, origin } = registration
    const state = { note: null, settled: false, seq: 0, observedAt: new Date() }
    return { key: address.key, snapshot, origin, ...state }
  }
}
