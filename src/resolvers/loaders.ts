import DataLoader from 'dataloader'
import type { Entity } from '../ledger/entity.ts'
import { keyOf, type PlatformRef } from '../model/entities.ts'
import { RequestError } from '../model/failure.ts'
import type { RequestContext } from '../model/identity.ts'
import type { Reads, TaskRef } from './reads.ts'

/** Reads each entity once within one operation, however often it is requested. */
export interface Loaders {
  assetGroup: DataLoader<PlatformRef, Entity<'assetGroup'>, string>
  asset: DataLoader<PlatformRef, Entity<'asset'>, string>
  videoTask: DataLoader<TaskRef, Entity<'videoTask'>, string>
}

interface Parts {
  reads: Reads
  limits: { upstreamReads: number }
}

/**
 * Creates the loaders of one operation, or of one event of a subscription. 0-0 has no request for several entities, so a
 * batch is one request per entity, all sent together.
 *
 * A read beyond `limits.upstreamReads` fails with INVALID_INPUT. The limit is checked here and not only before execution,
 * because the number of assets of a video task is known only after the task was read.
 */
export function createLoaders(
  { reads, limits }: Parts,
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
  return {
    assetGroup: new DataLoader(
      all((ref) => reads.assetGroup(ref, request)),
      { cacheKeyFn: keyOf },
    ),
    asset: new DataLoader(
      all((ref) => reads.asset(ref, request)),
      { cacheKeyFn: keyOf },
    ),
    videoTask: new DataLoader(
      all((ref) => reads.videoTask(ref, request)),
      { cacheKeyFn: ({ taskId, model }) => `${taskId} ${model}` },
    ),
  }
}

/** A batch function that runs `read` for each reference at once. One that fails does not fail the others. */
function all<Ref, T>(read: (ref: Ref) => Promise<T>) {
  return async (refs: readonly Ref[]): Promise<(T | Error)[]> => {
    const results = await Promise.allSettled(refs.map(read))
    return results.map((result) =>
      result.status === 'fulfilled' ? result.value : (result.reason as Error),
    )
  }
}

function tooManyReads(limit: number): RequestError {
  const message = `The operation needs more than ${limit} reads from 0-0. Ask for smaller pages.`
  const issues = [{ path: [], message }]
  return new RequestError({ code: 'INVALID_INPUT', message, retryable: false, issues })
}
