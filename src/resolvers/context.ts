import type { Ledger } from '../ledger/ledger.ts'
import type { PolledKind } from '../ledger/poll-job.ts'
import type { RequestContext } from '../model/identity.ts'
import type { UpstreamClient } from '../upstream/client.ts'
import type { Loaders } from './loaders.ts'
import type { Reads } from './reads.ts'
import type { WithTenantLock } from './tenant-lock.ts'

/** Limits of list arguments and of the reads of one operation. */
interface RequestLimits {
  /** Items of one page. */
  pageSize: number
  /** Ids of one subscription. */
  subscriptionIds: number
  /** Reads from 0-0 of one operation, or of one event of a subscription. */
  upstreamReads: number
}

/** The services that all operations share. */
export interface Services {
  ledger: Ledger
  upstream: UpstreamClient
  reads: Reads
  /** Returns whether 0-0 has refused this key of a caller within the last minute. */
  isKeyRefused(credential: string): boolean
  withTenantLock: WithTenantLock
  /** Milliseconds after which a new entity is polled for the first time. */
  firstPollMs: Record<PolledKind, number>
  limits: RequestLimits
  /** Delays the end of the process until `work` has ended. Returns `work`. */
  waitUntil<T>(work: Promise<T>): Promise<T>
  /** Reports an error of this service that does not fail the operation. */
  onError(error: unknown): void
}

/** What the resolvers of one operation report for its response, besides the data. */
export interface OperationReport {
  /** Whether an idempotency key gave the outcome of an earlier call. */
  isReplayed: boolean
}

/** The GraphQL context of one operation. */
export interface Context extends Services, RequestContext {
  loaders: Loaders
  report: OperationReport
}
