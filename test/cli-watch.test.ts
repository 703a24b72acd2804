import { expect, test } from 'vitest'
import { ask, startApp, type TestApp, temporaryFolder } from './support/app.ts'
import { runCli, startCli } from './support/cli.ts'
import { startProcess } from './support/process.ts'
import { startSandbox } from './support/sandbox.ts'
import { type ScriptedUpstream, scriptUpstream } from './support/upstream.ts'

const ASSET = 'Asset:JIMENG:Asset-1'

/** A service with an asset that is PROCESSING. */
async function startWithAsset(): Promise<{ app: TestApp; upstream: ScriptedUpstream }> {
  const upstream = await scriptUpstream()
  upstream.assets.set('Asset-1', { status: 'Processing' })
  return { app: await startApp({ UPSTREAM_URL: upstream.url }), upstream }
}

test.for([
  ['its global id', [ASSET]],
  ['its id at 0-0', ['Asset-1']],
  ['an id that says nothing, with --kind', ['Asset-1', '--kind', 'asset']],
])(
  'watch prints each status of an asset with %s, and exits with 0 when it is ACTIVE',
  async ([, args]) => {
    const { app, upstream } = await startWithAsset()

    const cli = startCli(app.url, ['watch', ...(args as string[])])
    await cli.shown('PROCESSING')
    upstream.assets.set('Asset-1', { status: 'Active' })
    const { code, stdout } = await cli.ended

    expect(code).toBe(0)
    const lines = stdout.trim().split('\n')
    expect(lines).toHaveLength(2)
    expect(lines[0]).toMatch(
      /^\d\d:\d\d:\d\d {2}PROCESSING {2}Asset Asset-1 \(Asset:JIMENG:Asset-1\)$/,
    )
    expect(lines[1]).toContain('PROCESSING → ACTIVE')
  },
)

test('watch exits with 2 for an id whose type it cannot see, and says what to add', async () => {
  const { code, stderr } = await runCli('http://127.0.0.1:9999', ['watch', 'nonsense'])

  expect(code).toBe(2)
  expect(stderr).toContain('Add --kind asset, group or task.')
})

test('watch exits with 1 and prints the reason when an asset fails', async () => {
  const sandbox = await startSandbox()
  const app = await startApp({ UPSTREAM_URL: sandbox.url })
  const id = await registerAsset(app, `${sandbox.url}/samples/too-small.png`)

  const { code, stdout } = await runCli(app.url, ['watch', id])

  expect(code).toBe(1)
  expect(stdout).toContain('WidthTooSmall')
})

test('watch --json prints one object a line, and the last one has the exit code', async () => {
  const { app, upstream } = await startWithAsset()

  const cli = startCli(app.url, ['watch', ASSET, '--json'])
  await cli.shown('"current":"PROCESSING"')
  upstream.assets.set('Asset-1', { status: 'Active' })
  const { events, stderr } = await cli.ended

  expect(events).toMatchObject([
    { event: 'asset', previous: null, current: 'PROCESSING', asset: { id: ASSET } },
    { event: 'asset', previous: 'PROCESSING', current: 'ACTIVE', asset: { id: ASSET } },
    { event: 'result', exitCode: 0, assets: [{ id: ASSET, status: 'ACTIVE' }] },
  ])
  expect(stderr).toContain('PROCESSING → ACTIVE')
})

test('watch of a group ends when all its assets are terminal, with 1 when one failed', async () => {
  const upstream = await scriptUpstream()
  const app = await startApp({ UPSTREAM_URL: upstream.url })
  const first = await registerAsset(app, 'https://example.com/a.png')
  const second = await registerAsset(app, 'https://example.com/b.png')
  const group = 'AssetGroup:JIMENG:group-1'

  const cli = startCli(app.url, ['watch', group])
  await cli.shown(/PROCESSING[\s\S]*PROCESSING/)
  upstream.assets.set(bare(first), { status: 'Active' })
  await cli.shown('ACTIVE')
  upstream.assets.set(bare(second), { status: 'Failed', error: { code: 'DownloadFailed' } })
  const { code, stdout } = await cli.ended
  const again = await runCli(app.url, ['watch', 'group-1', '--json'])

  expect(code).toBe(1)
  expect(stdout.trim().split('\n')).toHaveLength(4)
  expect(again.code).toBe(1)
  expect(again.events).toHaveLength(3)
})

test('watch of a group without assets exits with 0, and of an unknown id with 1', async () => {
  const upstream = await scriptUpstream()
  const app = await startApp({ UPSTREAM_URL: upstream.url })
  const codes = async (id: string) => (await runCli(app.url, ['watch', id])).code

  expect(await codes('group-1')).toBe(0)
  expect(await codes('group-404')).toBe(1)
  expect(await codes('Asset-404')).toBe(1)
  expect(await codes('cgt-404')).toBe(1)
})

test('watch goes on after the service was killed and started again, and doubles no line', async () => {
  const upstream = await scriptUpstream()
  upstream.assets.set('Asset-1', { status: 'Processing' })
  const environment = {
    UPSTREAM_URL: upstream.url,
    DATA_DIR: temporaryFolder(),
    ASSET_POLL_MIN_MS: '50',
    ASSET_POLL_MAX_MS: '50',
  }
  const first = await startProcess(environment)
  const cli = startCli(first.url, ['watch', ASSET])
  await cli.shown('PROCESSING')

  await first.kill('SIGKILL')
  await cli.shown('Connection lost')
  await startProcess({ ...environment, PORT: new URL(first.url).port })
  await cli.shown('Connected again')
  upstream.assets.set('Asset-1', { status: 'Active' })
  const { code, stdout } = await cli.ended

  expect(code).toBe(0)
  expect(stdout.trim().split('\n')).toHaveLength(2)
})

test('watch exits with 4 when the service does not come back within --reconnect seconds', async () => {
  const { app } = await startWithAsset()
  const cli = startCli(app.url, ['watch', ASSET, '--reconnect', '1'])
  await cli.shown('PROCESSING')

  await app.stop()

  expect((await cli.ended).code).toBe(4)
})

test('Ctrl-C exits with 130 and says how to watch again', async () => {
  const { app } = await startWithAsset()
  const cli = startCli(app.url, ['watch', ASSET, '--json'])
  await cli.shown('PROCESSING')

  cli.process.kill('SIGINT')
  const { code, events, stderr } = await cli.ended

  const command = `npx zerograph watch ${ASSET}`
  expect(code).toBe(130)
  expect(events.at(-1)).toEqual({ event: 'interrupted', command, exitCode: 130 })
  expect(stderr).toContain(command)
})

test('watch of a task that was created elsewhere uses --model, and exits with 1 when it failed', async () => {
  const upstream = await scriptUpstream()
  upstream.tasks.set('cgt-1', { status: 'running', progress: 20 })
  const app = await startApp({ UPSTREAM_URL: upstream.url })

  const cli = startCli(app.url, ['watch', 'cgt-1', '--model', 'seedance-2-0'])
  await cli.shown('RUNNING')
  upstream.tasks.set('cgt-1', { status: 'failed', error: { message: 'The prompt is refused.' } })
  const { code, stderr } = await cli.ended

  expect(code).toBe(1)
  expect(stderr).toContain('The prompt is refused.')
})

async function registerAsset(app: TestApp, url: string): Promise<string> {
  const { data } = await ask(
    app.url,
    `mutation ($url: URL!, $groupId: ID!) { createAsset(input: { groupId: $groupId, url: $url }) { ... on Asset { id } } }`,
    { url, groupId: await groupFor(app) },
  )
  return data?.createAsset.id
}

/** The scripted upstream has this group. The sandbox needs one of its own. */
async function groupFor(app: TestApp): Promise<string> {
  const { data } = await ask(app.url, '{ assetGroup(id: "group-1") { id } }')
  if (data?.assetGroup) return data.assetGroup.id
  const created = await ask(
    app.url,
    'mutation { createAssetGroup(input: { name: "A" }) { ... on AssetGroup { id } } }',
  )
  return created.data?.createAssetGroup.id
}

function bare(globalId: string): string {
  return globalId.split(':').at(-1) ?? ''
}
