import type { Address } from './resource.ts'

/** Says that there may be something new to read about a resource; carries no news itself. */
export interface Nudge extends Address {
  parent: string | null
}

/** Passes nudges from those who write the ledger to those who read it. */
export interface Nudges {
  send(nudge: Nudge): void
  /**
   * Calls `listener` for every nudge of the tenant's resource with this key, or of one whose parent has this key.
   * Gives the function that ends it.
   */
  listen(target: Address, listener: (nudge: Nudge) => void): () => void
  /** How many listeners there are now. */
  readonly size: number
}

export function createNudges(): Nudges {
  const listeners = new Map<string, Set<(nudge: Nudge) => void>>()
  let size = 0
  return {
    send(nudge) {
      const { tenant, kind, key, parent } = nudge
      for (const listener of listeners.get(addressOf({ tenant, kind, key })) ?? []) listener(nudge)
      if (parent === null) return
      const group = addressOf({ tenant, kind: 'assetGroup', key: parent })
      for (const listener of listeners.get(group) ?? []) listener(nudge)
    },
    listen(target, listener) {
      const address = addressOf(target)
      const here = listeners.get(address) ?? new Set()
      listeners.set(address, here.add(listener))
      size += 1
      return () => {
        if (!here.delete(listener)) return
        size -= 1
        if (here.size === 0) listeners.delete(address)
      }
    },
    get size() {
      return size
    },
  }
}

function addressOf({ tenant, kind, key }: Address): string {
  return `${tenant} ${kind} ${key}`
}
