import type { Ledger } from '../ledger/ledger.ts'
import type { RequestContext } from '../model/identity.ts'
import type { UpstreamClient } from '../upstream/client.ts'
import type { Loaders } from './loaders.ts'
import type { Reads } from './reads.ts'
import type { WithTenantLock } from './tenant-lock.ts'

/** The most that one field may ask for, and the most that one operation may cause. */
export interface RequestLimits {
  pageSize: number
  subscriptionIds: number
  /** Reads from 0-0 for one operation; for a subscription, for each event. */
  upstreamReads: number
}

/** What all operations share. */
export interface Services {
  ledger: Ledger
  upstream: UpstreamClient
  reads: Reads
  /** Whether 0-0 has refused the caller's own key within the last minute. */
  isKeyRefused(credential: string): boolean
  withTenantLock: WithTenantLock
  limits: RequestLimits
  /** Keeps the process alive until `work` has ended. Returns `work`. */
  waitUntil<T>(work: Promise<T>): Promise<T>
  /** Reports an error of this service that does not fail the operation. */
  onError(error: unknown): void
}

/** What the resolvers of one operation receive. */
export interface Context extends Services, RequestContext {
  loaders: Loaders
}
