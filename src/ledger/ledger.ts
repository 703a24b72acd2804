import type { Kysely } from 'kysely'
import { type ChangeNotifier, createChangeNotifier } from './change-notifier.ts'
import { openDatabase } from './database.ts'
import type { Kind } from './entity.ts'
import type { EntityRow } from './entity-row.ts'
import { createEntities, type Entities } from './entity-store.ts'
import { createIdempotencyRecords, type IdempotencyRecords } from './idempotency-records.ts'
import { migrate } from './migrations.ts'
import type { PollTiming } from './poll-job.ts'
import { countPollJobs, createPollJobs, type PollJobs } from './poll-jobs.ts'
import { prune } from './prune.ts'
import { createSecrets, loadOrMakeSecret, type Secrets } from './secrets.ts'
import { createStorageHealth, type StorageHealth } from './storage-health.ts'
import type { Tables } from './tables.ts'
import { createTenantLocks, type TenantLocks } from './tenant-locks.ts'
import { type LedgerUnavailable, persist, typedErrors } from './unavailable.ts'

/** Options of the ledger. */
export interface LedgerOptions {
  /** Folder of the SQLite file and of the generated secret; created when missing. */
  dataDir: string
  /** `postgres://…`; when absent, SQLite in `dataDir`. */
  databaseUrl?: string | undefined
  /** 32 bytes; when absent, the secret stored in `dataDir`. */
  secret?: Buffer | undefined
  polling: PollTiming
  /** Called with errors of connections, which are replaced automatically. */
  onError(error: unknown): void
  /** Called when something created at 0-0 cannot be recorded now. It is recorded as soon as the storage allows. */
  onUnrecorded?: ((created: Unrecorded, error: LedgerUnavailable) => void) | undefined
  /** Called when it has been recorded after a failure. */
  onRecorded?: ((created: Unrecorded) => void) | undefined
  /** Called when a call has ended, for metrics. Each call has a name of its own, e.g. `idempotencyRecords.begin`. */
  onCall?: ((name: string, durationMs: number) => void) | undefined
}

/** Names what must be recorded although the storage fails, for the log. */
export type Unrecorded = Record<string, string | null>

/**
 * What this service stores. Everything in it belongs to a tenant.
 * While the storage fails, every call throws LedgerUnavailable and writes nothing.
 */
export interface Ledger extends Entities {
  /** The tenant of a bearer key. */
  tenantOf(credential: string): string
  readonly notifier: ChangeNotifier
  readonly pollJobs: PollJobs
  readonly idempotencyRecords: IdempotencyRecords
  readonly tenantLocks: TenantLocks
  /** How many entities are being polled, by all processes. */
  countPollJobs(): Promise<number>
  /** Deletes the transitions, poll budgets and idempotency records from before `time`. */
  prune(time: Date): Promise<void>
  /**
   * Returns what `write` returns, and repeats it as long as the storage fails: for what was sent to 0-0. Throws
   * LedgerUnavailable after `stopRetrying`, and any other error at once.
   */
  persist<T>(created: Unrecorded, write: () => Promise<T>): Promise<T>
  /** Ends every `persist` after one more attempt. */
  stopRetrying(): void
  /** Whether the database can be read and written now. */
  isReachable(): Promise<boolean>
  close(): Promise<void>
}

/** Opens the ledger and migrates its database. Throws when the database cannot be opened or migrated. */
export async function openLedger(options: LedgerOptions): Promise<Ledger> {
  const { dataDir, databaseUrl, secret, onError, onUnrecorded, onRecorded } = options
  const database = await openDatabase({ dataDir, databaseUrl, onError })
  const secrets = createSecrets(secret ?? loadOrMakeSecret(dataDir))
  await migrate(database)
  const health = createStorageHealth(database)
  const notifier = createChangeNotifier()
  const stopListening = await listenToOtherProcesses(databaseUrl, notifier, onError)
  const stopping = new AbortController()
  return {
    ...createCalls({ database, secrets, health, notifier }, options),
    tenantOf: secrets.tenantOf,
    notifier,
    persist: (created, write) =>
      persist(write, {
        signal: stopping.signal,
        onWaiting: (error) => onUnrecorded?.(created, error),
        onRecovered: () => onRecorded?.(created),
      }),
    stopRetrying: () => stopping.abort(),
    isReachable: health.isWritable,
    async close() {
      await stopListening()
      await database.destroy()
    },
  }
}

/** With SQLite there is no other process. The driver of PostgreSQL is loaded only when it is used. */
async function listenToOtherProcesses(
  databaseUrl: string | undefined,
  notifier: ChangeNotifier,
  onError: (error: unknown) => void,
): Promise<() => Promise<void>> {
  if (databaseUrl === undefined) return async () => {}
  const { listenForNotifications } = await import('./postgres-listener.ts')
  return listenForNotifications(databaseUrl, notifier, onError)
}

interface Parts {
  database: Kysely<Tables>
  secrets: Secrets
  health: StorageHealth
  notifier: ChangeNotifier
}

/** The calls that read and write the database, with typed errors and measured durations. */
function createCalls(
  { database, secrets, health, notifier }: Parts,
  { polling, onCall }: LedgerOptions,
) {
  const typed = <Calls extends object>(calls: Calls) => typedErrors(calls, health.onUnavailable)
  const expose = <Calls extends object>(prefix: string, calls: Calls) =>
    measured(prefix, typed(calls), onCall)

  const pollJobs = createPollJobs({ database, secrets, onRecorded: announce })
  const entities = createEntities({
    database,
    secrets,
    polling,
    announce,
    onPollJobAdded: pollJobs.added,
    typedErrors: typed,
  })
  const records = createIdempotencyRecords(database)

  /** Notifies this process after the commit. PostgreSQL notifies the others within the transaction. */
  function announce({ tenant, kind, key, parent, polling_ended }: EntityRow): void {
    notifier.send({ tenant, kind: kind as Kind, key, parent })
    // A task that waits for this asset may be due now.
    if (kind === 'asset' && polling_ended === 1) pollJobs.added()
  }

  return {
    ...expose('', {
      ...entities,
      countPollJobs: () => countPollJobs(database),
      prune: (time: Date) => prune(database, time),
    }),
    pollJobs: expose('pollJobs.', { ...pollJobs, markSent: whenWritable(pollJobs.markSent) }),
    idempotencyRecords: expose('idempotencyRecords.', {
      ...records,
      begin: whenWritable(records.begin) as IdempotencyRecords['begin'],
    }),
    tenantLocks: expose('tenantLocks.', createTenantLocks(database)),
  }

  /** For calls after which something is sent to 0-0 that must be recorded. */
  function whenWritable<Args extends unknown[], T>(call: (...args: Args) => Promise<T>) {
    return async (...args: Args): Promise<T> => {
      await health.ensureWritable()
      return call(...args)
    }
  }
}

/** The same calls. Each asynchronous one is reported as `prefix` and its name when it has ended. */
function measured<Calls extends object>(
  prefix: string,
  calls: Calls,
  onCall: LedgerOptions['onCall'],
): Calls {
  if (!onCall) return calls
  const reporting = Object.entries(calls).map(([name, call]) => [
    name,
    (...args: unknown[]) => {
      const startedAt = performance.now()
      const result = call(...args)
      if (!(result instanceof Promise)) return result
      return result.finally(() => onCall(prefix + name, performance.now() - startedAt))
    },
  ])
  return Object.fromEntries(reporting)
}
