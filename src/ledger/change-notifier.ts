import { type EntityRef, nameOf } from './entity.ts'

/** Reports that an entity may have changed. It does not contain the change. */
export interface Notification extends EntityRef {
  /** The key of the group that the entity belongs to, or null. */
  parent: string | null
}

/** Delivers notifications from the code that writes the ledger to the code that reads it. */
export interface ChangeNotifier {
  /** Calls the listeners of the entity, of its parent and of its tenant. */
  send(notification: Notification): void
  /** Calls every listener with null: notifications may have been lost. */
  sendAll(): void
  /**
   * Adds a listener. It is called with the key of each notified entity that is the target or whose
   * parent is the target. It is called with null when notifications may have been lost. Returns a
   * function that removes the listener.
   */
  listen(target: EntityRef, listener: (key: string | null) => void): () => void
  /**
   * Adds a listener, which is called for each notified entity of the tenant, and when notifications may have been lost.
   * Returns a function that removes the listener.
   */
  listenToTenant(tenant: string, listener: () => void): () => void
  /** The current number of listeners. */
  readonly size: number
  /**
   * The number of notifications sent so far. While it does not change, data that was read before is
   * still current.
   */
  readonly count: number
}

/** Creates the notifier of one process. It does not send notifications to other processes. */
export function createChangeNotifier(): ChangeNotifier {
  const listeners = new Map<string, Set<(key: string | null) => void>>()
  const tenantListeners = new Map<string, Set<(key: string | null) => void>>()
  let size = 0
  let count = 0

  function call(target: EntityRef, key: string): void {
    for (const listener of listeners.get(nameOf(target)) ?? []) listener(key)
  }

  function add(
    byName: typeof listeners,
    name: string,
    listener: (key: string | null) => void,
  ): () => void {
    const named = byName.get(name) ?? new Set()
    byName.set(name, named.add(listener))
    size += 1
    return () => {
      if (!named.delete(listener)) return
      size -= 1
      if (named.size === 0) byName.delete(name)
    }
  }

  return {
    send({ tenant, kind, key, parent }) {
      count += 1
      call({ tenant, kind, key }, key)
      if (parent !== null) call({ tenant, kind: 'assetGroup', key: parent }, key)
      for (const listener of tenantListeners.get(tenant) ?? []) listener(key)
    },
    sendAll() {
      count += 1
      for (const named of [...listeners.values(), ...tenantListeners.values()]) {
        for (const listener of named) listener(null)
      }
    },
    listen: (target, listener) => add(listeners, nameOf(target), listener),
    // A new function, so that a listener can be added twice.
    listenToTenant: (tenant, listener) => add(tenantListeners, tenant, () => listener()),
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

/** Encodes a notification as the payload of `pg_notify`. Also accepts a row, whose `kind` is a plain string. */
export function encodeNotification({
  tenant,
  kind,
  key,
  parent,
}: { [Name in keyof Notification]: unknown }): string {
  return JSON.stringify([tenant, kind, key, parent])
}

/**
 * Decodes a payload that `encodeNotification` wrote. Throws when `text` is not a JSON array; the items of
 * the array are not checked.
 */
export function decodeNotification(text: string): Notification {
  const [tenant, kind, key, parent] = JSON.parse(text)
  return { tenant, kind, key, parent }
}
