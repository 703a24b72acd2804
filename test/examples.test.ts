import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { promisify } from 'node:util'
import { parse, validate } from 'graphql'
import { expect, test } from 'vitest'
import { tabs } from '../src/http/graphiql-tabs.ts'
import { schema } from '../src/schema/index.ts'
import { type Data, startApp, type TestApp, until } from './support/app.ts'

const folder = new URL('../examples/', import.meta.url)
const files = readdirSync(folder).filter((name) => name.endsWith('.graphql'))

test.for(files)('examples/%s is valid against the schema', (name) => {
  const query = readFileSync(new URL(name, folder), 'utf8')

  expect(validate(schema, parse(query))).toEqual([])
})

test('the GraphiQL tabs are valid against the schema, and have a placeholder key without a sandbox', () => {
  const queries = tabs('http://127.0.0.1:4010').map(({ query }) => query ?? '')

  for (const query of queries) expect(validate(schema, parse(query))).toEqual([])
  expect(tabs('http://127.0.0.1:4010')[1]?.variables).toContain('4010/samples/portrait.png')
  expect(tabs(null)[0]?.headers).toContain('YOUR-0-0-API-KEY')
})

test('the examples run against a sandbox on another port, and print one line per event', async () => {
  const app = await startApp()
  const sample = (name: string) => `${app.sandboxUrl}/samples/${name}`

  const [group] = await run(app, '01')
  const groupId = `groupId=${group?.data.createAssetGroup.id}`
  const [registered] = await run(
    app,
    '02',
    groupId,
    `front=${sample('portrait.png')}`,
    `street=${sample('landscape.jpg')}`,
    `tooSmall=${sample('too-small.png')}`,
  )
  const ids: string[] = registered?.data.createAssets.map(({ id }: { id: string }) => id)
  const seen = app.subscribe(
    `subscription { assetStatusChanged(ids: ${JSON.stringify(ids)}) { current } }`,
    undefined,
    EXAMPLE_KEY,
  )
  await seen.rest()
  const [created] = await run(app, '05', `first=${ids[0]}`, `last=${ids[1]}`)
  const [fromUrls] = await run(
    app,
    '09',
    `first=${sample('portrait.png')}`,
    `last=${sample('landscape.jpg')}`,
    'key=order-4711',
  )
  const events = await run(app, '06', `id=${created?.data.createVideoTask.id}`)

  const timeline = await run(app, '15', `id=${created?.data.createVideoTask.id}`)

  const { current, videoTask } = events.at(-1)?.data.videoTaskStatusChanged ?? {}
  expect(fromUrls?.data.createVideoFromUrls.status).toBe('WAITING_FOR_ASSETS')
  expect(current).toBe('SUCCEEDED')
  expect(videoTask.video.url).toMatch(/\.mp4$/)
  expect(timeline.map(({ data }) => data.videoTaskTimeline.type)).toEqual(
    expect.arrayContaining(['ACCEPTED', 'ASSET_READY', 'SENT', 'SUCCEEDED']),
  )
}, 60_000)

test('an example whose reader has gone ends quietly', async () => {
  const app = await startApp()
  const child = spawn(process.execPath, ['examples/run.ts', '14'], {
    env: { PATH: process.env.PATH, ZEROGRAPH_URL: app.url, ZEROGRAPH_KEY: EXAMPLE_KEY },
  })
  const errors = text(child.stderr)
  const ended = once(child, 'exit')
  child.stdout.destroy()

  await until(() => app.listeners() > 0)
  await app.query(
    'mutation { createVideoTask(input: { prompt: "A lighthouse" }) { __typename } }',
    {},
    EXAMPLE_KEY,
  )

  expect([await errors, (await ended)[0]]).toEqual(['', 0])
}, 20_000)

const EXAMPLE_KEY = 'sk-sandbox'

/** Runs an example and returns the JSON lines that it prints. */
async function run({ url }: TestApp, name: string, ...variables: string[]): Promise<Data[]> {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['examples/run.ts', name, ...variables],
    { env: { PATH: process.env.PATH, ZEROGRAPH_URL: url, ZEROGRAPH_KEY: EXAMPLE_KEY } },
  )
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
}
