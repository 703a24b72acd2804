import type { RequestContext } from '../model/identity.ts'
import type { Context, Services } from '../resolvers/context.ts'
import { createLoaders } from '../resolvers/loaders.ts'

/** The context of one operation. Creating it reads nothing. */
export function createContext(services: Services, request: RequestContext): Context {
  const { identity, requestId, signal } = request
  const loaders = createLoaders(services, request)
  return { ...services, identity, requestId, signal, loaders }
}
