import { keyOf } from '../model/entities.ts'
import {
  type Asset,
  createAsset,
  createAssets,
  findAsset,
  findGroupOf,
  listAssets,
  listAssetsOf,
} from '../resolvers/asset.ts'
import { AssetGroupRef } from './asset-group.ts'
import { builder } from './builder.ts'
import { CREATE, pageComplexity, UPSTREAM_CALL } from './cost.ts'
import { CREATE_ERROR_REFS, resultTypeOf } from './error-types.ts'
import { IDEMPOTENCY_KEY_DESCRIPTION } from './idempotency-key-description.ts'
import { PlatformRef } from './platform.ts'
import { connectionOf } from './relay-connection.ts'
import { withoutNulls } from './without-nulls.ts'

const AssetTypeRef = builder.enumType('AssetType', {
  description: 'What kind of file an asset is.',
  values: {
    IMAGE: { description: 'JPEG, PNG, WebP, BMP, TIFF, GIF, HEIC or HEIF; below 30 MB.' },
    VIDEO: { description: 'MP4 or MOV; 2 to 15 seconds.' },
    AUDIO: { description: 'WAV or MP3; 2 to 15 seconds.' },
  } as const,
})

export const AssetStatusRef = builder.enumType('AssetStatus', {
  description: 'The state of an asset: `PROCESSING`, then `ACTIVE` or `FAILED` for good.',
  values: {
    PROCESSING: { description: 'Being fetched and checked; cannot be used yet.' },
    ACTIVE: { description: 'Video tasks can refer to it.' },
    FAILED: { description: 'Cannot be used; register another URL. See `failureReason`.' },
    UNKNOWN: { description: 'A word this service does not know; see `rawStatus`.' },
  } as const,
})

export const AssetRef = builder.objectRef<Asset>('Asset')

builder.node(AssetRef, {
  description: 'A media file that video tasks can refer to once it is `ACTIVE`.',
  id: {
    description: 'The global id: `Asset:JIMENG:Asset-ab12`.',
    resolve: ({ platform, assetId }) => keyOf({ platform, id: assetId }),
  },
  fields: (t) => ({
    assetId: t.exposeID('assetId', { description: 'The id 0-0 itself uses.' }),
    platform: t.expose('platform', { type: PlatformRef, description: 'Where 0-0 keeps it.' }),
    name: t.exposeString('name', { nullable: true, description: 'The name it was given.' }),
    type: t.expose('type', {
      type: AssetTypeRef,
      nullable: true,
      description: 'What kind of file it is; null when 0-0 does not say.',
    }),
    status: t.expose('status', { type: AssetStatusRef, description: 'The state.' }),
    rawStatus: t.exposeString('rawStatus', {
      description: "0-0's own word for the state, e.g. `Processing`.",
    }),
    url: t.expose('url', {
      type: 'URL',
      nullable: true,
      description: 'Where 0-0 says the file is now; may be a signed copy that expires after hours.',
    }),
    sourceUrl: t.expose('sourceUrl', {
      type: 'URL',
      nullable: true,
      description: 'The URL it was registered with; null when it was registered elsewhere.',
    }),
    failureReason: t.exposeString('failureReason', {
      nullable: true,
      description:
        'Why it failed, as far as 0-0 says, e.g. `WidthTooSmall: …`; or why this service stopped watching it.',
    }),
    createdAt: t.expose('createdAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it was registered, by the clock of 0-0.',
    }),
    // Its own upstream call, hence nullable: a failed link must not take the asset down with it.
    group: t.field({
      type: AssetGroupRef,
      complexity: UPSTREAM_CALL,
      nullable: true,
      description: 'The group it is in, read once for all assets of an operation.',
      resolve: (asset, _args, context) => findGroupOf(asset, context),
    }),
  }),
})

const AssetConnectionRef = builder.connectionObject(
  { type: AssetRef, name: 'AssetConnection' },
  { name: 'AssetEdge' },
)

builder.objectField(AssetGroupRef, 'assets', (t) =>
  t.connection(
    {
      type: AssetRef,
      complexity: pageComplexity,
      description: "The group's assets that were registered through this service, newest first.",
      args: { status: t.arg({ type: AssetStatusRef, description: 'Only those in this state.' }) },
      resolve: async (group, { status, ...page }, context) =>
        connectionOf(await listAssetsOf(group, { status }, page, context)),
    },
    AssetConnectionRef,
  ),
)

builder.queryFields((t) => ({
  asset: t.field({
    type: AssetRef,
    complexity: UPSTREAM_CALL,
    nullable: true,
    description: 'An asset as 0-0 has it now; null when 0-0 does not know it.',
    args: {
      id: t.arg.id({ required: true, description: 'A global id, or the id 0-0 uses.' }),
      platform: t.arg({
        type: PlatformRef,
        required: true,
        defaultValue: 'JIMENG',
        description: 'Where an id of 0-0 lives; ignored for a global id.',
      }),
    },
    resolve: (_root, { id, platform }, context) => findAsset(id, platform, context),
  }),
  assets: t.connection(
    {
      type: AssetRef,
      complexity: pageComplexity,
      description:
        'The assets registered through this service with the same key, newest first, as last observed.',
      args: {
        status: t.arg({ type: AssetStatusRef, description: 'Only those in this state.' }),
        type: t.arg({ type: AssetTypeRef, description: 'Only those of this kind.' }),
      },
      resolve: async (_root, { status, type, ...page }, context) =>
        connectionOf(await listAssets({ status, type }, page, context)),
    },
    AssetConnectionRef,
  ),
}))

const CreateAssetInputRef = builder.inputType('CreateAssetInput', {
  description: 'A file to register.',
  fields: (t) => ({
    platform: t.field({
      type: PlatformRef,
      required: true,
      defaultValue: 'JIMENG',
      description: 'Where the group lives; ignored when `groupId` is a global id.',
    }),
    groupId: t.id({ required: true, description: 'The group to put it in: either form of id.' }),
    url: t.field({
      type: 'URL',
      required: true,
      description: 'A public URL of the file. Keep it reachable until the asset is `ACTIVE`.',
    }),
    type: t.field({
      type: AssetTypeRef,
      required: true,
      defaultValue: 'IMAGE',
      description: 'What kind of file it is.',
    }),
    name: t.string({ description: 'At most 64 characters: `"Heroine, front"`.' }),
    idempotencyKey: t.string({ description: IDEMPOTENCY_KEY_DESCRIPTION }),
  }),
})

const CreateAssetResultRef = builder.unionType('CreateAssetResult', {
  description: 'The asset, or why there is none.',
  types: [AssetRef, ...CREATE_ERROR_REFS],
  resolveType: resultTypeOf('Asset'),
})

builder.mutationFields((t) => ({
  createAsset: t.field({
    type: CreateAssetResultRef,
    complexity: CREATE,
    description: 'Registers a file with 0-0, which then fetches and checks it.',
    args: {
      input: t.arg({ type: CreateAssetInputRef, required: true, description: 'What to register.' }),
    },
    resolve: (_root, { input }, context) => createAsset(withoutNulls(input), context),
  }),
  createAssets: t.field({
    type: [CreateAssetResultRef],
    complexity: ({ inputs }) => ({ field: inputs.length * CREATE, multiplier: inputs.length }),
    description: 'Registers up to 50 files, one after another; one result for each, in order.',
    args: {
      inputs: t.arg({
        type: [CreateAssetInputRef],
        required: true,
        description: 'What to register.',
      }),
    },
    resolve: (_root, { inputs }, context) => createAssets(inputs.map(withoutNulls), context),
  }),
}))
