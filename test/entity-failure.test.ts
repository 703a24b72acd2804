import { expect, test } from 'vitest'
import { codeIn } from '../src/model/failure-code.ts'
import { type Data, startApp, type TestApp, until } from './support/app.ts'
import { ledgerCallsOf, startFilledApp } from './support/filled-app.ts'
import { assetSeen, claimOne, registerAsset, registerTask, taskSeen } from './support/ledger.ts'
import { scriptUpstream } from './support/upstream.ts'

const FAILURE = 'failure { code message asset { assetId status } }'
const ACCEPT = `mutation ($resources: [VideoResourceInput!]) { createVideoTask(input: {
  prompt: "A cat", waitForAssets: true, resources: $resources
}) { ... on VideoTask { id } } }`

test.for([
  ['WidthTooSmall: the image is 200 px wide', 'WidthTooSmall'],
  ['DownloadFailed', 'DownloadFailed'],
  [
    'InputImageSensitiveContentDetected.PrivacyInformation: a face',
    'InputImageSensitiveContentDetected.PrivacyInformation',
  ],
  ['OUTPUT_BLOCKED: x', 'OUTPUT_BLOCKED'],
  ['9003: GET is not supported', '9003'],
  ['Error: something happened', null],
  ['The asset Asset-1 failed: DownloadFailed.', null],
  ['0-0 did not take the task: no.', null],
  ['https://example.com/a.png: not found', null],
  ['WidthTooSmall:no space', null],
  ['404', null],
  ['', null],
] as const)('the code in the reason "%s" is %s', ([reason, code]) => {
  expect(codeIn(reason)).toBe(code)
})

function refusal(msg: string) {
  return { status: 400, body: { code: 400, msg, data: null } }
}

async function accept(app: TestApp, ...assetIds: string[]): Promise<string> {
  const resources = assetIds.map((assetId) => ({ role: 'REFERENCE', assetId }))
  return (await app.query(ACCEPT, { resources })).data?.createVideoTask.id
}

/** Waits until the task has a failure. Returns the task. */
async function failedTask(app: TestApp): Promise<Data> {
  let task: Data = {}
  await until(async () => {
    const { data } = await app.query(`{ videoTasks { nodes { status failureReason ${FAILURE} } } }`)
    task = data?.videoTasks.nodes[0]
    return task.failure !== null
  })
  return task
}

test('a failed asset has the code of 0-0, and the task that waited for it names the asset', async () => {
  const upstream = await scriptUpstream()
  upstream.assets.set('Asset-1', { status: 'Processing' })
  const app = await startApp({ UPSTREAM_URL: upstream.url })
  await accept(app, 'Asset-1')
  const error = { Code: 'WidthTooSmall', Message: 'the image is 200 px wide' }
  upstream.assets.set('Asset-1', { status: 'Failed', error })

  const task = await failedTask(app)
  const { data } = await app.query(`{ asset(id: "Asset-1") { ${FAILURE} } }`)

  const asset = { assetId: 'Asset-1', status: 'FAILED' }
  const message = 'WidthTooSmall: the image is 200 px wide'
  expect(data?.asset.failure).toEqual({ code: 'WidthTooSmall', message, asset })
  expect(task.failure).toEqual({ code: 'ASSET_FAILED', message: task.failureReason, asset })
  expect(task.failureReason).toMatch(/^The asset Asset-1 failed: WidthTooSmall/)
})

test('a task that waited too long, and its asset, have the code DEADLINE', async () => {
  const upstream = await scriptUpstream()
  upstream.assets.set('Asset-1', { status: 'Processing' })
  const app = await startApp({ UPSTREAM_URL: upstream.url, WATCH_DEADLINE_MINUTES: '0.005' })
  await accept(app, 'Asset-1')

  const task = await failedTask(app)
  let asset: Data = {}
  await until(async () => {
    const { data } = await app.query(`{ assets { nodes { status ${FAILURE} } } }`)
    asset = data?.assets.nodes[0]
    return asset.failure !== null
  })

  expect(task.failure).toMatchObject({ asset: { assetId: 'Asset-1' } })
  // Either deadline may pass first. An asset whose polling has ended counts as failed.
  expect(['DEADLINE', 'ASSET_FAILED']).toContain(task.failure.code)
  expect(asset).toMatchObject({
    status: 'PROCESSING',
    failure: { code: 'DEADLINE', message: expect.stringMatching(/^Polling ended at/) },
  })
})

test.for([
  ['no answer', 'OUTCOME_UNKNOWN', 'reset'],
  ['a refusal', 'InvalidParameter.duration', refusal('InvalidParameter.duration')],
  // The text of 0-0 for a model that it does not offer has no code.
  [
    'an unknown model',
    null,
    { status: 404, body: { message: 'No available providers at the moment: seedance-2-0-x' } },
  ],
  ['no balance', null, { status: 402, body: { detail: 'insufficient balance' } }],
] as const)('a waiting task that was sent and got %s has the code %s', async ([, code, answer]) => {
  const upstream = await scriptUpstream()
  upstream.assets.set('Asset-1', { status: 'Active' })
  upstream.intercept = ({ method }) => (method === 'POST' ? answer : undefined)
  const app = await startApp({ UPSTREAM_URL: upstream.url })
  await accept(app, 'Asset-1')

  const { status, failureReason, failure } = await failedTask(app)

  expect(status).toBe('FAILED')
  expect(failure).toEqual({ code, message: failureReason, asset: null })
})

test('a failure is null unless the entity failed or its polling ended early, also for rows of earlier versions', async () => {
  const app = await startFilledApp(async (ledger) => {
    for (const status of ['CANCELLED', 'EXPIRED', 'FAILED'] as const) {
      const ref = await registerTask(ledger, `cgt-${status}`)
      const failureReason = status === 'EXPIRED' ? null : 'A text: of 0-0'
      const seen = taskSeen(status, { taskId: `cgt-${status}`, failureReason })
      await ledger.recordObservation(ref, seen)
    }
    const seen = taskSeen('RUNNING', { taskId: 'cgt-run', failureReason: 'a masked error' })
    const running = await registerTask(ledger, 'cgt-run')
    await ledger.recordObservation(running, seen)
    const asset = await registerAsset(ledger, 'Asset-1')
    await ledger.recordObservation(asset, assetSeen('FAILED'))
  })

  const { data } = await app.query(`{
    videoTasks { nodes { status ${FAILURE} } } assets { nodes { ${FAILURE} } }
  }`)

  const none = { code: null, asset: null }
  expect(data?.videoTasks.nodes).toEqual([
    { status: 'RUNNING', failure: null },
    { status: 'FAILED', failure: { ...none, message: 'A text: of 0-0' } },
    {
      status: 'EXPIRED',
      failure: { ...none, message: 'The task waited too long at the provider.' },
    },
    { status: 'CANCELLED', failure: null },
  ])
  expect(data?.assets.nodes[0].failure).toEqual({
    code: null,
    message: '0-0 has not reported a reason.',
    asset: { assetId: 'Asset-1', status: 'FAILED' },
  })
})

test('polling that goes on clears the code of its earlier end', async () => {
  const app = await startFilledApp(async (ledger) => {
    const end = { pollingEndedReason: 'late', failureCode: 'DEADLINE' } as const
    const ref = await registerTask(ledger, 'cgt-1')
    const snapshot = taskSeen('QUEUED')
    const origin = null
    await ledger.pollJobs.conclude(await claimOne(ledger, { inMs: 1e7 }), null, end)
    await ledger.register(ref, { snapshot, origin, credential: 'sk-test' })
    const job = await claimOne(ledger, { inMs: 1e7 })
    await ledger.pollJobs.conclude(job, null, { pollingEndedReason: 'no key' })
    const other = await registerTask(ledger, 'cgt-2')
    await ledger.pollJobs.conclude(await claimOne(ledger, { inMs: 1e7 }), null, end)
    const failed = taskSeen('FAILED', { taskId: 'cgt-2', failureReason: 'a text' })
    await ledger.recordObservation(other, failed)
  })

  const { data } = await app.query('{ videoTasks { nodes { failure { code message } } } }')

  expect(data?.videoTasks.nodes.map(({ failure }: Data) => failure)).toEqual([
    { code: null, message: 'a text' },
    { code: null, message: 'no key' },
  ])
})

test('the assets to blame of many tasks are read in one query', async () => {
  const app = await startFilledApp(async (ledger) => {
    for (let index = 0; index < 10; index += 1) {
      await registerAsset(ledger, `Asset-${index}`)
      const ref = await registerTask(ledger, `zg-${index}`, 'WAITING_FOR_ASSETS')
      const blamed = { failureCode: 'ASSET_FAILED', failedAssetKey: `JIMENG:Asset-${index}` }
      const failed = taskSeen('FAILED', { taskId: null, failureReason: 'x', ...blamed })
      await ledger.recordObservation(ref, failed)
    }
  })

  const { data } = await app.query(`{ videoTasks { nodes { ${FAILURE} } } }`)

  expect(data?.videoTasks.nodes.map(({ failure }: Data) => failure.asset.assetId)).toEqual(
    Array.from({ length: 10 }, (_, index) => `Asset-${9 - index}`),
  )
  expect((await ledgerCallsOf(app)).findEntities).toBe(1)
})
