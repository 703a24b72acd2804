import DataLoader from 'dataloader'
import type { Entity } from '../ledger/entity.ts'
import type { TaskClass } from '../ledger/generation-times.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { PolledKind } from '../ledger/poll-job.ts'
import { keyOf, type PlatformRef } from '../model/entities.ts'
import { RequestError } from '../model/failure.ts'
import { type RequestContext, requireIdentity } from '../model/identity.ts'
import type { Reads, TaskRef } from './reads.ts'

/** Reads each entity at most once per operation. */
export interface Loaders {
  readonly assetGroup: DataLoader<PlatformRef, Entity<'assetGroup'>, string>
  readonly asset: DataLoader<PlatformRef, Entity<'asset'>, string>
  readonly videoTask: DataLoader<TaskRef, Entity<'videoTask'>, string>
  /** Reads an asset from the ledger by its key. Null when it is not registered. */
  readonly knownAsset: DataLoader<string, Entity<'asset'> | null>
  /** Reads when an entity is polled next. Null without a poll job. */
  readonly nextPoll: DataLoader<PolledRef, Date | null, string>
  /** Reads how long the last tasks of a class took, in milliseconds. */
  readonly generationTimes: DataLoader<TaskClass, number[], string>
}

/** Names an entity that can have a poll job. */
interface PolledRef {
  kind: PolledKind
  key: string
}

interface LoaderServices {
  reads: Reads
  ledger: Ledger
  limits: { upstreamReads: number }
}

/**
 * Creates the loaders of one operation, or of one event of a subscription. 0-0 has no batch request, so a batch is one
 * concurrent request per entity.
 *
 * A read beyond `limits.upstreamReads` fails with INVALID_INPUT. The limit is checked here and not only before
 * execution, because the number of assets of a video task is known only after the task has been read.
 */
export function createLoaders(
  { reads, ledger, limits }: LoaderServices,
  { identity, requestId, signal }: RequestContext,
): Loaders {
  let admitted = 0
  const request = {
    identity,
    requestId,
    signal,
    admitRead() {
      admitted += 1
      if (admitted > limits.upstreamReads) throw tooManyReads(limits.upstreamReads)
    },
  }
  // Created when they are used: most operations use one of them, or none.
  let assetGroup: Loaders['assetGroup'] | undefined
  let asset: Loaders['asset'] | undefined
  let videoTask: Loaders['videoTask'] | undefined
  let knownAsset: Loaders['knownAsset'] | undefined
  let nextPoll: Loaders['nextPoll'] | undefined
  let generationTimes: Loaders['generationTimes'] | undefined
  return {
    get assetGroup() {
      assetGroup ??= createLoader((ref) => reads.assetGroup(ref, request), keyOf)
      return assetGroup
    },
    get asset() {
      asset ??= createLoader((ref) => reads.asset(ref, request), keyOf)
      return asset
    },
    get videoTask() {
      videoTask ??= createLoader(
        (ref) => reads.videoTask(ref, request),
        ({ taskId, model }) => `${taskId} ${model}`,
      )
      return videoTask
    },
    get knownAsset() {
      knownAsset ??= createKnownAssetLoader(ledger, request)
      return knownAsset
    },
    get nextPoll() {
      nextPoll ??= createNextPollLoader(ledger, request)
      return nextPoll
    },
    get generationTimes() {
      generationTimes ??= createGenerationTimesLoader(ledger, request)
      return generationTimes
    },
  }
}

/** The number of keys in one query to the ledger. */
const MAX_BATCH = 100

function createKnownAssetLoader(ledger: Ledger, request: RequestContext): Loaders['knownAsset'] {
  const { tenant } = requireIdentity(request)
  const find = async (keys: readonly string[]) => {
    const assets = await ledger.findEntities(tenant, 'asset', keys)
    return keys.map((key) => assets.get(key) ?? null)
  }
  return new DataLoader(find, { maxBatchSize: MAX_BATCH })
}

/** One query for each kind in a batch. */
function createNextPollLoader(ledger: Ledger, request: RequestContext): Loaders['nextPoll'] {
  const { tenant } = requireIdentity(request)
  const nameOf = ({ kind, key }: PolledRef) => `${kind} ${key}`
  const find = async (refs: readonly PolledRef[]) => {
    const times = new Map<string, Date>()
    const kinds = Map.groupBy(refs, ({ kind }) => kind)
    for (const [kind, of] of kinds) {
      const found = await ledger.findNextPolls(
        tenant,
        kind,
        of.map(({ key }) => key),
      )
      for (const [key, time] of found) times.set(nameOf({ kind, key }), time)
    }
    return refs.map((ref) => times.get(nameOf(ref)) ?? null)
  }
  return new DataLoader(find, { cacheKeyFn: nameOf, maxBatchSize: MAX_BATCH })
}

function createGenerationTimesLoader(
  ledger: Ledger,
  request: RequestContext,
): Loaders['generationTimes'] {
  const { tenant } = requireIdentity(request)
  return new DataLoader((classes) => ledger.generationTimes(tenant, classes), {
    cacheKeyFn: ({ model, resolution, duration }) => JSON.stringify([model, resolution, duration]),
    maxBatchSize: MAX_BATCH,
  })
}

/** Creates a loader whose batches run `read` for all references concurrently. Each read fails on its own. */
function createLoader<Ref, T>(read: (ref: Ref) => Promise<T>, cacheKeyFn: (ref: Ref) => string) {
  return new DataLoader<Ref, T, string>(readAll(read), { cacheKeyFn })
}

function readAll<Ref, T>(read: (ref: Ref) => Promise<T>) {
  return async (refs: readonly Ref[]): Promise<(T | Error)[]> => {
    const results = await Promise.allSettled(refs.map(read))
    return results.map((result) =>
      result.status === 'fulfilled' ? result.value : (result.reason as Error),
    )
  }
}

function tooManyReads(limit: number): RequestError {
  const message = `The operation needs more than ${limit} reads from 0-0. Request smaller pages.`
  const issues = [{ path: [], message }]
  return new RequestError({ code: 'INVALID_INPUT', message, retryable: false, issues })
}
