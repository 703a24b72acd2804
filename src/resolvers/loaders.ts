import DataLoader from 'dataloader'
import { keyOf, type PlatformRef } from '../model.ts'
import { type Asset, assetOf } from './asset.ts'
import { type AssetGroup, assetGroupOf } from './asset-group.ts'
import type { Context } from './context.ts'
import type { TaskRef } from './reads.ts'
import { type VideoTask, videoTaskOf } from './video-task.ts'

/** Within one operation each resource is read once, however often it is named. */
export interface Loaders {
  assetGroup: DataLoader<PlatformRef, AssetGroup, string>
  asset: DataLoader<PlatformRef, Asset, string>
  videoTask: DataLoader<TaskRef, VideoTask, string>
}

/** 0-0 has no call for many at once: a batch is as many calls, all sent together. */
export function createLoaders({ caller, reads }: Pick<Context, 'caller' | 'reads'>): Loaders {
  const together =
    <Ref, T>(read: (ref: Ref) => Promise<T>) =>
    async (refs: readonly Ref[]) =>
      (await Promise.allSettled(refs.map(read))).map((result) =>
        result.status === 'fulfilled' ? result.value : (result.reason as Error),
      )
  return {
    assetGroup: new DataLoader(
      together(async (ref) => assetGroupOf(await reads.assetGroup(ref, caller()))),
      { cacheKeyFn: keyOf },
    ),
    asset: new DataLoader(
      together(async (ref) => assetOf(await reads.asset(ref, caller()))),
      { cacheKeyFn: keyOf },
    ),
    videoTask: new DataLoader(
      together(async (ref) => videoTaskOf(await reads.videoTask(ref, caller()))),
      { cacheKeyFn: ({ taskId, model }) => `${taskId} ${model}` },
    ),
  }
}
