import DataLoader from 'dataloader'
import type { Entity } from '../ledger/entity.ts'
import { keyOf, type PlatformRef } from '../model/entities.ts'
import { RequestError } from '../model/failure.ts'
import type { RequestContext } from '../model/identity.ts'
import type { Reads, TaskRef } from './reads.ts'

/** Reads each entity at most once per operation. */
export interface Loaders {
  readonly assetGroup: DataLoader<PlatformRef, Entity<'assetGroup'>, string>
  readonly asset: DataLoader<PlatformRef, Entity<'asset'>, string>
  readonly videoTask: DataLoader<TaskRef, Entity<'videoTask'>, string>
}

interface LoaderServices {
  reads: Reads
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
  { reads, limits }: LoaderServices,
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
  }
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
