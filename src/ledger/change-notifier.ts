import type { Address } from './resource.ts'

/** Says that there may be something new to read about a resource; carries no news itself. */
export interface Notification extends Address {
  /** The key of the group the resource belongs to, or null. */
  parent: string | null
}

/** Passes notifications from those who write the ledger to those who read it. */
export interface ChangeNotifier {
  send(notification: Notification): void
  /** After an interruption: whoever listens shall look for itself. */
  sendAll(): void
  /**
   * Calls `listener` with the key of every notified resource that is the target or has it as its parent; with null when
   * notifications may have been lost. Gives the function that ends it.
   */
  listen(target: Address, listener: (key: string | null) => void): () => void
  /** How many listeners there are now. */
  readonly size: number
  /** How many notifications there were: what was read while this stood still has not been overtaken by one. */
  readonly count: number
}

export function createChangeNotifier(): ChangeNotifier {
  const listeners = new Map<string, Set<(key: string | null) => void>>()
  let size = 0
  let count = 0

  function call(target: Address, key: string): void {
    for (const listener of listeners.get(nameOf(target)) ?? []) listener(key)
  }

  return {
    send({ tenant, kind, key, parent }) {
      count += 1
      call({ tenant, kind, key }, key)
      if (parent !== null) call({ tenant, kind: 'assetGroup', key: parent }, key)
    },
    sendAll() {
      count += 1
      for (const some of listeners.values()) for (const listener of some) listener(null)
    },
    listen(target, listener) {
      const name = nameOf(target)
      const here = listeners.get(name) ?? new Set()
      listeners.set(name, here.add(listener))
      size += 1
      return () => {
        if (!here.delete(listener)) return
        size -= 1
        if (here.size === 0) listeners.delete(name)
      }
    },
    get size() {
      return size
    },
    get count() {
      return count
    },
  }
}

/** The PostgreSQL channel over which processes notify each other. */
export const NOTIFICATION_CHANNEL = 'zerograph_nudge'

export function encodeNotification({
  tenant,
  kind,
  key,
  parent,
}: { [Name in keyof Notification]: unknown }): string {
  return JSON.stringify([tenant, kind, key, parent])
}

export function decodeNotification(text: string): Notification {
  const [tenant, kind, key, parent] = JSON.parse(text)
  return { tenant, kind, key, parent }
}

function nameOf({ tenant, kind, key }: Address): string {
  return `${tenant} ${kind} ${key}`
}
