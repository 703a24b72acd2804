import type { Ledger } from '../ledger/ledger.ts'
import type { UpstreamClient } from '../upstream/client.ts'
import type { Loaders } from './loaders.ts'
import type { Reads } from './reads.ts'
import type { WithTenantLock } from './tenant-lock.ts'

/** Whoever brought a 0-0 key. */
export interface Caller {
  /** The owner of everything the key can see. */
  tenant: string
  /** The bare bearer key. */
  credential: string
  /** Whether other tenants use the key too, so that only what is registered for this one is its own. */
  isShared: boolean
  /** Calls `listener` once when the caller's credential expires. Returns the function that cancels it. */
  onExpiry(listener: () => void): () => void
  requestId: string
  /** Aborts when the caller has left. */
  signal?: AbortSignal | undefined
  /** Called before each read that is not answered from memory. Throws when the operation has had too many. */
  admitRead?(): void
}

/** The most one field may ask for, and the most an operation may cause. */
export interface RequestLimits {
  pageSize: number
  subscriptionIds: number
  /** Reads from 0-0 of one operation; of a subscription, for each event. */
  upstreamReads: number
}

/** What one operation receives. */
export interface Context {
  /** Throws UNAUTHENTICATED when the operation came without a key. */
  caller(): Caller
  loaders: Loaders
  ledger: Ledger
  upstream: UpstreamClient
  reads: Reads
  /** Whether 0-0 has refused the caller's own key lately. */
  isKeyRefused(credential: string): boolean
  withTenantLock: WithTenantLock
  limits: RequestLimits
  /** Gives `work` back, and lets the service not end before it has. */
  waitUntil<T>(work: Promise<T>): Promise<T>
  /** Takes note of what went wrong on our side without failing the operation. */
  onError(error: unknown): void
}
