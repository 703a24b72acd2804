import { type EntityRef, nameOf } from './entity.ts'

/** Says that an entity may have changed. It does not carry the change. */
export interface Notification extends EntityRef {
  /** The key of the group that the entity belongs to, or null. */
  parent: string | null
}

/** Passes notifications from the code that writes the ledger to the code that reads it. */
export interface ChangeNotifier {
  send(notification: Notification): void
  /** Tells every listener that notifications may have been lost. */
  sendAll(): void
  /**
   * Calls `listener` with the key of every notified entity that is the target or whose parent is the target; with null
   * when notifications may have been lost. Returns the function that stops listening.
   */
  listen(target: EntityRef, listener: (key: string | null) => void): () => void
  /** How many listeners there are now. */
  readonly size: number
  /** How many notifications there were. While it stays the same, what was read before is still current. */
  readonly count: number
}

/** Creates the notifier of one process. */
export function createChangeNotifier(): ChangeNotifier {
  const listeners = new Map<string, Set<(key: string | null) => void>>()
  let size = 0
  let count = 0

  function call(target: EntityRef, key: string): void {
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
export const NOTIFICATION_CHANNEL = 'zerograph_change'

/** The payload of a notification in PostgreSQL. */
export function encodeNotification({
  tenant,
  kind,
  key,
  parent,
}: { [Name in keyof Notification]: unknown }): string {
  return JSON.stringify([tenant, kind, key, parent])
}

/** The notification in a payload. Throws when the payload is not one. */
export function decodeNotification(text: string): Notification {
  const [tenant, kind, key, parent] = JSON.parse(text)
  return { tenant, kind, key, parent }
}
