import type { Context } from './context.ts'
import { createLoaders } from './loaders.ts'

/** Creates new loaders for an event of a subscription, because a loader caches its entities. */
export function renewLoaders(context: Context): void {
  context.loaders = createLoaders(context, context)
}
