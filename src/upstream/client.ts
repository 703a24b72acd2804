import type {
  AcceptedVideoTask,
  AssetGroupSnapshot,
  AssetSnapshot,
  PlatformRef,
  VideoTaskSnapshot,
} from '../model/entities.ts'
import type {
  CreateAssetGroupRequest,
  CreateAssetRequest,
  CreateVideoTaskRequest,
} from '../model/requests.ts'
import type { BreakerState } from './breaker.ts'
import type { UpstreamCall, UpstreamOptions } from './call.ts'
import { readModelList } from './model-list.ts'
import type { Route } from './route.ts'
import { createSender } from './sender.ts'
import { unknownEntity } from './unknown-entity.ts'
import { checkedId } from './upstream-request.ts'
import * as wire from './wire.ts'

/**
 * A client for the seven routes of 0-0 that we use (upstream-api 1). Each request rejects with an
 * UpstreamError, or with the reason of the caller's signal. Reads are retried; creates are not.
 */
export interface UpstreamClient {
  /** Reads an asset group. */
  getAssetGroup(ref: PlatformRef, call: UpstreamCall): Promise<AssetGroupSnapshot>
  /** Creates an asset group. A repeated request creates a second group, which is free. */
  createAssetGroup(
    request: CreateAssetGroupRequest,
    call: UpstreamCall,
  ): Promise<AssetGroupSnapshot>
  /** Reads an asset. */
  getAsset(ref: PlatformRef, call: UpstreamCall): Promise<AssetSnapshot>
  /** Creates an asset. A repeated request creates a second asset, which is free. */
  createAsset(request: CreateAssetRequest, call: UpstreamCall): Promise<AssetSnapshot>
  /** Reads a video task. Without the model, 0-0 may not find the task (upstream-api 3.7). */
  getVideoTask(
    ref: { taskId: string; model: string | null },
    call: UpstreamCall,
  ): Promise<VideoTaskSnapshot>
  /** Creates a video task, which costs money. A repeated request creates and charges a second task. */
  createVideoTask(request: CreateVideoTaskRequest, call: UpstreamCall): Promise<AcceptedVideoTask>
  /** Lists the names of all models that 0-0 offers to the key, also of models that make no videos. */
  listModels(call: UpstreamCall): Promise<string[]>
  /** The state of the breaker of each route, for metrics. */
  breakers(): { group: Route; state: BreakerState }[]
  /** Accepts no more requests. Resolves when the accepted requests have ended. */
  close(): Promise<void>
}

/**
 * The `model` query parameter of group and asset requests. The gateway uses it to choose a provider;
 * without it some requests fail with 404 (upstream-api 1).
 */
const ASSET_MODEL = 'seedance-2-0'

/** Creates a client with its own connections, circuit breakers and retry budget. */
export function createUpstreamClient(options: UpstreamOptions): UpstreamClient {
  const { send, breakers, close } = createSender(options)
  return {
    getAssetGroup: ({ platform, id }, call) =>
      send(call, {
        method: 'GET',
        route: '/v1/asset-groups',
        entity: unknownEntity('assetGroup', id),
        id,
        query: { platform, model: ASSET_MODEL },
        read: (json) => ({ ...wire.readAssetGroup(json, platform), groupId: id }),
      }),

    createAssetGroup: (request, call) =>
      send(call, {
        method: 'POST',
        route: '/v1/asset-groups',
        query: { model: ASSET_MODEL },
        body: wire.writeAssetGroup(request),
        read: (json) => wire.readAssetGroup(json, request.platform),
      }),

    getAsset: ({ platform, id }, call) =>
      send(call, {
        method: 'GET',
        route: '/v1/assets',
        entity: unknownEntity('asset', id),
        id,
        query: { platform, model: ASSET_MODEL },
        read: (json) => ({ ...wire.readAsset(json, platform), assetId: id }),
      }),

    createAsset: async (request, call) => {
      checkedId(request.groupId)
      return send(call, {
        method: 'POST',
        route: '/v1/assets',
        entity: unknownEntity('assetGroup', request.groupId),
        query: { model: ASSET_MODEL },
        body: wire.writeAsset(request),
        read: (json) => wire.readAsset(json, request.platform),
      })
    },

    getVideoTask: ({ taskId, model }, call) =>
      send(call, {
        method: 'GET',
        route: '/v1/video/tasks',
        entity: unknownEntity('videoTask', taskId),
        id: taskId,
        query: model === null ? {} : { model },
        read: (json) => ({ ...wire.readVideoTask(json), taskId }),
      }),

    createVideoTask: (request, call) =>
      send(call, {
        method: 'POST',
        route: '/v1/video/tasks',
        entity: 'the model or an asset of this video task',
        body: wire.writeVideoTask(request),
        read: wire.readCreatedVideoTask,
      }),

    listModels: (call) => send(call, { method: 'GET', route: '/v1/models', read: readModelList }),

    breakers,
    close,
  }
}
