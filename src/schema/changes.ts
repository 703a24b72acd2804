import { type EntityChange, entityChange, subscribeToChanges } from '../resolvers/changes.ts'
import { builder } from './builder.ts'
import { LEDGER_QUERY } from './cost.ts'

const EntityKindRef = builder.enumType('EntityKind', {
  description: 'The type of an entity.',
  values: {
    ASSET_GROUP: { value: 'assetGroup', description: 'An `AssetGroup`.' },
    ASSET: { value: 'asset', description: 'An `Asset`.' },
    VIDEO_TASK: { value: 'videoTask', description: 'A `VideoTask`.' },
  },
})

const ChangeRef = builder.objectRef<EntityChange>('Change').implement({
  description: 'The registration or a change of an entity.',
  fields: (t) => ({
    cursor: t.exposeString('cursor', {
      description:
        'The position of the change: a text without a meaning for clients. Give it as `after` to receive what happened since. Valid for a day, for your tenant only.',
    }),
    kind: t.expose('kind', {
      type: EntityKindRef,
      description: 'The type of `node`, for example `ASSET`.',
    }),
    isNew: t.exposeBoolean('isNew', {
      description:
        'True for the registration of an entity, so that a list can add it. False for a later change.',
    }),
    node: t.expose('node', {
      type: builder.nodeInterfaceRef(),
      description:
        'The entity as it is recorded now. It can contain a later change, whose event follows. Example: `node { ... on Asset { id status } }`.',
    }),
    observedAt: t.expose('observedAt', {
      type: 'DateTime',
      description:
        'The time at which this service recorded the change, for example `"2026-04-30T02:40:00.000Z"`.',
    }),
  }),
})

builder.subscriptionField('changes', (t) =>
  t.field({
    type: ChangeRef,
    complexity: LEDGER_QUERY,
    description:
      'Sends every registration and every change of the entities of your tenant, in order: new entities, and changes of status, progress, name, URL or failure reason. Begins now, or after `after`. Does not complete by itself. A new signature of the same URL is not a change. Example: `subscription { changes(kinds: [VIDEO_TASK]) { cursor isNew node { id } } }`.',
    args: {
      kinds: t.arg({
        type: [EntityKindRef],
        description:
          'Only entities of these types, for example `[ASSET, VIDEO_TASK]`. All types when omitted.',
      }),
      after: t.arg.string({
        description:
          'The `cursor` of the last change that you received. The changes since then are sent first. Fails with `INVALID_INPUT` when they are not kept any more: fetch your lists again, and subscribe without `after`. An event stream also accepts the cursor as the header `Last-Event-ID`.',
      }),
    },
    subscribe: (_root, { kinds, after }, context) =>
      subscribeToChanges(kinds ?? null, after ?? null, context),
    resolve: (change, _args, context) => entityChange(change, context),
  }),
)
