import {
  type AssetStatusChange,
  assetStatusChange,
  subscribeToAssetGroup,
  subscribeToAssets,
} from '../resolvers/status-subscription.ts'
import { AssetRef, AssetStatusRef } from './asset.ts'
import { builder } from './builder.ts'
import { SUBSCRIBED_ID, UPSTREAM_CALL } from './cost.ts'
import { PlatformRef } from './platform.ts'

const AssetStatusChangeRef = builder.objectRef<AssetStatusChange>('AssetStatusChange').implement({
  description: 'A change of the state of an asset, as it was observed.',
  fields: (t) => ({
    asset: t.expose('asset', {
      type: AssetRef,
      description: 'The asset right after the change.',
    }),
    previous: t.expose('previous', {
      type: AssetStatusRef,
      nullable: true,
      description: 'The state before; null for the first event of each asset.',
    }),
    current: t.expose('current', {
      type: AssetStatusRef,
      description:
        'The state after. The same as before when this service stopped watching; see `asset.failureReason`.',
    }),
    observedAt: t.expose('observedAt', {
      type: 'DateTime',
      description: 'When this service saw it.',
    }),
  }),
})

builder.subscriptionFields((t) => ({
  assetStatusChanged: t.field({
    type: AssetStatusChangeRef,
    complexity: ({ ids }) => ids.length * SUBSCRIBED_ID,
    description:
      'The present state of each asset at once, then every later change, none lost and none twice; completes when all are `ACTIVE` or `FAILED`. Ids that 0-0 does not know end it with `NOT_FOUND`; `extensions.ids` names all of them.',
    args: {
      ids: t.arg.idList({ required: true, description: 'Up to 500 ids, in either form.' }),
      platform: t.arg({
        type: PlatformRef,
        required: true,
        defaultValue: 'JIMENG',
        description: 'Where ids of 0-0 live; ignored for global ids.',
      }),
    },
    subscribe: (_root, { ids, platform }, context) => subscribeToAssets(ids, platform, context),
    resolve: (transition, _args, context) => assetStatusChange(transition, context),
  }),
  assetGroupStatusChanged: t.field({
    type: AssetStatusChangeRef,
    complexity: UPSTREAM_CALL,
    description:
      'The state of every asset of the group that is registered here, present and future. Does not complete by itself.',
    args: {
      id: t.arg.id({ required: true, description: 'The group: either form of id.' }),
      platform: t.arg({
        type: PlatformRef,
        required: true,
        defaultValue: 'JIMENG',
        description: 'Where an id of 0-0 lives; ignored for a global id.',
      }),
    },
    subscribe: (_root, { id, platform }, context) => subscribeToAssetGroup(id, platform, context),
    resolve: (transition, _args, context) => assetStatusChange(transition, context),
  }),
}))
