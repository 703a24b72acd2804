import { useSyncExternalStore } from 'react'

/** A value outside of React that components can follow. */
export interface Store<T> {
  get(): T
  set(value: T): void
  /** Calls the listener after each `set`. Returns a function that ends this. */
  listen(listener: () => void): () => void
}

export function createStore<T>(value: T): Store<T> {
  const listeners = new Set<() => void>()
  return {
    get: () => value,
    set(next) {
      value = next
      for (const listener of listeners) listener()
    },
    listen(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}

/** Returns the value of the store and renders again when it changes. */
export function useStore<T>(store: Store<T>): T {
  return useSyncExternalStore(store.listen, store.get)
}
