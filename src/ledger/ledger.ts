import type { Kysely } from 'kysely'
import { type Cancellation, cancelWaitingTask } from './cancel-waiting-task.ts'
import { type ChangeNotifier, createChangeNotifier } from './change-notifier.ts'
import { type Changes, createChanges } from './changes.ts'
import { openDatabase } from './database.ts'
import type { EntityRef, Kind } from './entity.ts'
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
  /** Called with the error of a broken PostgreSQL connection. The connection is replaced automatically. */
  onError(error: unknown): void
  /** Called when `persist` fails for the first time. It retries after that. */
  onUnrecorded?: ((created: Unrecorded, error: LedgerUnavailable) => void) | undefined
  /** Called when `persist` succeeds after a failure. */
  onRecorded?: ((created: Unrecorded) => void) | undefined
  /** Called when a call of the ledger has ended, for metrics. `name` is e.g. `idempotencyRecords.begin`. */
  onCall?: ((name: string, durationMs: number) => void) | undefined
}

/** Log fields that describe what `persist` records, e.g. the kind and key of a created entity. */
export type Unrecorded = Record<string, string | null>

/**
 * The data that this service stores. Every row belongs to a tenant. While the storage fails, every call
 * throws LedgerUnavailable and writes nothing, except when the connection breaks during a commit.
 */
export interface Ledger extends Entities {
  /** Returns the tenant of a bearer key. */
  tenantOf(credential: string): string
  readonly notifier: ChangeNotifier
  readonly changes: Changes
  readonly pollJobs: PollJobs
  readonly idempotencyRecords: IdempotencyRecords
  readonly tenantLocks: TenantLocks
  /**
   * Makes a task CANCELLED that waits for its assets and was not marked as sent. Changes no other task. Returns null
   * when the task is not registered.
   */
  cancelWaitingTask(ref: EntityRef<'videoTask'>): Promise<Cancellation | null>
  /** Returns the number of poll jobs, over all tenants and processes. */
  countPollJobs(): Promise<number>
  /** Deletes transitions, changes, poll budgets and idempotency records that are older than `time`. */
  prune(time: Date): Promise<void>
  /**
   * Calls `write`, retries it while the storage fails, and returns its result. For the outcome of a request
   * that was sent to 0-0, which must not be lost. Throws LedgerUnavailable after `stopRetrying`, and any
   * other error at once.
   */
  persist<T>(created: Unrecorded, write: () => Promise<T>): Promise<T>
  /** Lets every running `persist` make one more attempt, and then throw. */
  stopRetrying(): void
  /** Whether the database accepts writes; checked at most once per second. */
  isReachable(): Promise<boolean>
  /** Closes all connections. */
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

/**
 * Starts to receive the notifications of other processes. Does nothing with SQLite, because only one
 * process uses a SQLite file. Returns the function that stops it.
 */
async function listenToOtherProcesses(
  databaseUrl: string | undefined,
  notifier: ChangeNotifier,
  onError: (error: unknown) => void,
): Promise<() => Promise<void>> {
  if (databaseUrl === undefined) return async () => {}
  // Import the PostgreSQL driver only when it is used.
  const { listenForNotifications } = await import('./postgres-listener.ts')
  return listenForNotifications(databaseUrl, notifier, onError)
}

/** What `createCalls` needs. */
interface CallDependencies {
  database: Kysely<Tables>
  secrets: Secrets
  health: StorageHealth
  notifier: ChangeNotifier
}

/** Creates the calls that read and write the database, with typed errors and measured durations. */
function createCalls(
  { database, secrets, health, notifier }: CallDependencies,
  { polling, onCall }: LedgerOptions,
) {
  const withTypedErrors = <Calls extends object>(calls: Calls) =>
    typedErrors(calls, health.onUnavailable)
  const expose = <Calls extends object>(prefix: string, calls: Calls) =>
    measured(prefix, withTypedErrors(calls), onCall)

  const pollJobs = createPollJobs({ database, secrets, onRecorded: notifyChange })
  const entities = createEntities({
    database,
    secrets,
    polling,
    notifyChange,
    onPollJobAdded: pollJobs.added,
    typedErrors: withTypedErrors,
  })
  const records = createIdempotencyRecords(database)

  /** Notifies this process after a commit. PostgreSQL notifies the other processes itself. */
  function notifyChange({ tenant, kind, key, parent, polling_ended }: EntityRow): void {
    notifier.send({ tenant, kind: kind as Kind, key, parent })
    // The change may have made a task due that waits for this asset.
    if (kind === 'asset' && polling_ended === 1) pollJobs.added()
  }

  return {
    ...expose('', {
      ...entities,
      cancelWaitingTask: (ref: EntityRef<'videoTask'>) =>
        cancelWaitingTask(database, ref, notifyChange),
      countPollJobs: () => countPollJobs(database),
      prune: (time: Date) => prune(database, time),
    }),
    pollJobs: expose('pollJobs.', { ...pollJobs, markSent: whenWritable(pollJobs.markSent) }),
    idempotencyRecords: expose('idempotencyRecords.', {
      ...records,
      begin: whenWritable(records.begin) as IdempotencyRecords['begin'],
    }),
    changes: expose('changes.', createChanges(database, secrets)),
    tenantLocks: expose('tenantLocks.', createTenantLocks(database)),
  }

  /** Makes a call throw LedgerUnavailable when writes fail. For calls after which a create is sent to 0-0. */
  function whenWritable<Args extends unknown[], T>(call: (...args: Args) => Promise<T>) {
    return async (...args: Args): Promise<T> => {
      await health.ensureWritable()
      return call(...args)
    }
  }
}

/** Wraps calls so that the duration of each asynchronous call is passed to `onCall` as `prefix` + name. */
function measured<Calls extends object>(
  prefix: string,
  calls: Calls,
  onCall: LedgerOptions['onCall'],
): Calls {
  if (!onCall) return calls
  const measuredCalls = Object.entries(calls).map(([name, call]) => [
    name,
    (...args: unknown[]) => {
      const startedAt = performance.now()
      const result = call(...args)
      if (!(result instanceof Promise)) return result
      return result.finally(() => onCall(prefix + name, performance.now() - startedAt))
    },
  ])
  return Object.fromEntries(measuredCalls)
}
