import type { RequestContext } from '../model/identity.ts'
import type { Context, Services } from '../resolvers/context.ts'
import { createLoaders } from '../resolvers/loaders.ts'

/** Creates the context of one operation. Does no I/O. */
export function createContext(services: Services, request: RequestContext): Context {
  const { identity, requestId, signal, lastEventId } = request
  const loaders = createLoaders(services, request)
  const report = { isReplayed: false }
  return { ...services, identity, requestId, signal, lastEventId, loaders, report }
}
