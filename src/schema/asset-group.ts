import { keyOf } from '../model/entities.ts'
import {
  type AssetGroup,
  createAssetGroup,
  findAssetGroup,
  listAssetGroups,
} from '../resolvers/asset-group.ts'
import { builder } from './builder.ts'
import { CREATE, pageComplexity, UPSTREAM_CALL } from './cost.ts'
import { CREATE_ERROR_REFS, resultTypeOf } from './error-types.ts'
import { IDEMPOTENCY_KEY_DESCRIPTION } from './idempotency-key-description.ts'
import { PlatformRef } from './platform.ts'
import { connectionOf } from './relay-connection.ts'
import { withoutNulls } from './without-nulls.ts'

const AssetGroupStatusRef = builder.enumType('AssetGroupStatus', {
  description: 'The state of a group. 0-0 documents no other than `ACTIVE`.',
  values: {
    ACTIVE: { description: 'Assets can be added.' },
    UNKNOWN: { description: 'A word this service does not know; see `rawStatus`.' },
  } as const,
})

export const AssetGroupRef = builder.objectRef<AssetGroup>('AssetGroup')

builder.node(AssetGroupRef, {
  description: 'A container for assets that belong together, such as the views of one character.',
  id: {
    description: 'The global id: `AssetGroup:JIMENG:group-ab12`.',
    resolve: ({ platform, groupId }) => keyOf({ platform, id: groupId }),
  },
  fields: (t) => ({
    groupId: t.exposeID('groupId', { description: 'The id 0-0 itself uses.' }),
    platform: t.expose('platform', { type: PlatformRef, description: 'Where 0-0 keeps it.' }),
    name: t.exposeString('name', { nullable: true, description: 'The name it was given.' }),
    description: t.exposeString('description', {
      nullable: true,
      description: 'The description it was given.',
    }),
    projectName: t.exposeString('projectName', {
      nullable: true,
      description: 'The project at the provider; assets can only be used within it.',
    }),
    status: t.expose('status', { type: AssetGroupStatusRef, description: 'The state.' }),
    rawStatus: t.exposeString('rawStatus', {
      nullable: true,
      description: "0-0's own word for the state, e.g. `Active`.",
    }),
    createdAt: t.expose('createdAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it was created, by the clock of 0-0.',
    }),
  }),
})

const AssetGroupConnectionRef = builder.connectionObject(
  { type: AssetGroupRef, name: 'AssetGroupConnection' },
  { name: 'AssetGroupEdge' },
)

builder.queryFields((t) => ({
  assetGroup: t.field({
    type: AssetGroupRef,
    complexity: UPSTREAM_CALL,
    nullable: true,
    description: 'A group as 0-0 has it now; null when 0-0 does not know it.',
    args: {
      id: t.arg.id({ required: true, description: 'A global id, or the id 0-0 uses.' }),
      platform: t.arg({
        type: PlatformRef,
        required: true,
        defaultValue: 'JIMENG',
        description: 'Where an id of 0-0 lives; ignored for a global id.',
      }),
    },
    resolve: (_root, { id, platform }, context) => findAssetGroup(id, platform, context),
  }),
  assetGroups: t.connection(
    {
      type: AssetGroupRef,
      complexity: pageComplexity,
      description: 'The groups registered through this service with the same key, newest first.',
      resolve: async (_root, page, context) => connectionOf(await listAssetGroups(page, context)),
    },
    AssetGroupConnectionRef,
  ),
}))

const CreateAssetGroupInputRef = builder.inputType('CreateAssetGroupInput', {
  description: 'A group to create.',
  fields: (t) => ({
    platform: t.field({
      type: PlatformRef,
      required: true,
      defaultValue: 'JIMENG',
      description: 'Where 0-0 shall keep it.',
    }),
    name: t.string({ required: true, description: 'At most 64 characters: `"Heroine"`.' }),
    description: t.string({ description: 'At most 300 characters.' }),
    projectName: t.string({ description: 'The project at the provider; `default` when left out.' }),
    idempotencyKey: t.string({ description: IDEMPOTENCY_KEY_DESCRIPTION }),
  }),
})

const CreateAssetGroupResultRef = builder.unionType('CreateAssetGroupResult', {
  description: 'The group, or why there is none.',
  types: [AssetGroupRef, ...CREATE_ERROR_REFS],
  resolveType: resultTypeOf('AssetGroup'),
})

builder.mutationField('createAssetGroup', (t) =>
  t.field({
    type: CreateAssetGroupResultRef,
    complexity: CREATE,
    description: 'Creates a group, to put assets into.',
    args: {
      input: t.arg({
        type: CreateAssetGroupInputRef,
        required: true,
        description: 'What to create.',
      }),
    },
    resolve: (_root, { input }, context) => createAssetGroup(withoutNulls(input), context),
  }),
)
