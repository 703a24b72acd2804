import type { ServerResponse } from 'node:http'
import { expect, test } from 'vitest'
import { ask, startApp, temporaryFolder, until } from './support/app.ts'
import { runCli, startCli } from './support/cli.ts'
import { startProcess } from './support/process.ts'
import { startSandbox, type TestSandbox } from './support/sandbox.ts'
import { serve } from './support/serve.ts'
import { scriptUpstream } from './support/upstream.ts'

const VIDEO = ['--duration', '4', '--resolution', '480p', '--ratio', '1:1']
const PROMPT = ['--prompt', 'She smiles']

/** A service with a quick sandbox. */
async function startQuickApp(): Promise<{ url: string; sandbox: TestSandbox }> {
  const sandbox = await startSandbox()
  const { url } = await startApp({ UPSTREAM_URL: sandbox.url })
  return { url, sandbox }
}

/** Checks that a URL has an MP4 file. */
async function expectMp4(url: string): Promise<void> {
  const clip = await fetch(url)
  const bytes = Buffer.from(await clip.arrayBuffer())
  expect([clip.status, clip.headers.get('content-type')]).toEqual([200, 'video/mp4'])
  expect(bytes.toString('latin1', 4, 8)).toBe('ftyp')
}

test('make prints only the URL of the video on standard output, and its making on standard error', async () => {
  const { url, sandbox } = await startQuickApp()
  const image = `first.png=${sandbox.url}/samples/portrait.png`

  const cli = await runCli(url, ['make', '--image', image, ...PROMPT, ...VIDEO])
  const { data } = await ask(
    url,
    '{ assets { nodes { name } } videoTasks { nodes { id status } } }',
  )

  expect(cli.code).toBe(0)
  await expectMp4(cli.stdout.trim())
  for (const type of ['ACCEPTED', 'ASSET_READY', 'SENT', 'SUCCEEDED']) {
    expect(cli.stderr).toMatch(new RegExp(`^\\d\\d:\\d\\d:\\d\\d {2}${type} `, 'm'))
  }
  expect(cli.stderr).not.toContain('\u001b')
  expect(data).toMatchObject({
    assets: { nodes: [{ name: 'first.png' }] },
    videoTasks: { nodes: [{ status: 'SUCCEEDED' }] },
  })
  const { id } = data?.videoTasks.nodes[0] ?? {}
  const again = await runCli(url, ['watch', id])
  expect(again.code).toBe(0)
  expect(again.stdout.trim().split('\n').at(-1)).toBe(cli.stdout.trim())
}, 60_000)

test('make --json prints the task, each event and the result, one object a line', async () => {
  const { url, sandbox } = await startQuickApp()
  const key = ['--idempotency-key', 'order-1']
  const args = ['make', '--json', '--first-frame', `${sandbox.url}/samples/portrait.png`]

  const first = await runCli(url, [...args, ...PROMPT, ...VIDEO, ...key])
  const again = await runCli(url, [...args, ...PROMPT, ...VIDEO, ...key, '--detach'])

  const created = first.events[0]
  expect(created).toMatchObject({ event: 'created', idempotencyKey: 'order-1' })
  expect(first.events.filter(({ event }) => event === 'task').map(({ type }) => type)).toEqual(
    expect.arrayContaining(['ACCEPTED', 'ASSET_READY', 'SENT', 'SUCCEEDED']),
  )
  expect(first.events.at(-1)).toMatchObject({
    event: 'result',
    exitCode: 0,
    videoTask: { status: 'SUCCEEDED' },
  })
  await expectMp4(first.events.at(-1)?.videoTask.video.url)
  expect(again.events).toMatchObject([{ videoTask: { id: created?.videoTask.id } }])
  expect(sandbox.url && (await countTasks(sandbox))).toBe(1)
}, 60_000)

test('make exits with 1 and names the file that failed', async () => {
  const { url, sandbox } = await startQuickApp()
  const image = `front.png=${sandbox.url}/samples/too-small.png`

  const { code, stdout, stderr } = await runCli(url, ['make', '--image', image, ...PROMPT])

  expect(code).toBe(1)
  expect(stdout).toBe('')
  expect(stderr).toContain('front.png')
  expect(stderr).toContain('WidthTooSmall')
})

test('make prints every problem of an input, and exits with 2', async () => {
  const { url } = await startQuickApp()

  const { code, stderr } = await runCli(url, ['make', '--prompt', 'A cat', '--duration', '99'])

  expect(code).toBe(2)
  expect(stderr).toContain('Correct every value')
  expect(stderr).toMatch(/INVALID_INPUT: .*duration/s)
})

test('make exits with 1 when the balance is too low, and with 5 when the outcome is unknown', async () => {
  const { url, sandbox } = await startQuickApp()
  const args = ['make', '--json', '--image', `${sandbox.url}/samples/portrait.png`, ...PROMPT]

  await sandbox.fault({ insufficientBalance: true })
  const refused = await runCli(url, args)
  await sandbox.fault({ reset: 'after', route: 'createVideoTask' })
  const lost = await runCli(url, args)

  expect(refused.code).toBe(1)
  expect(JSON.stringify(refused.events.at(-1))).toContain('PAYMENT_REQUIRED')
  expect(lost.code).toBe(5)
})

test('make --preview prints the cost and creates nothing', async () => {
  const { url, sandbox } = await startQuickApp()
  const args = ['make', '--preview', '--image', `${sandbox.url}/samples/portrait.png`, ...PROMPT]

  const cost = await runCli(url, [...args, ...VIDEO])
  const invalid = await runCli(url, [...args, '--duration', '99', '--json'])

  expect(cost).toMatchObject({ code: 0, stdout: '38720 video tokens (estimate)\n' })
  expect(invalid.code).toBe(2)
  expect(invalid.events).toMatchObject([{ event: 'preview', issues: [{ path: ['duration'] }] }])
  expect(await countTasks(sandbox)).toBe(0)
})

test('Ctrl-C while the video is made says how to watch it, and that command ends with its URL', async () => {
  const { url, sandbox } = await startQuickApp()
  await sandbox.fault({ assetOutcome: 'Processing' })
  const image = `${sandbox.url}/samples/portrait.png`
  const cli = startCli(url, ['make', '--json', '--image', image, ...PROMPT, ...VIDEO])
  await cli.shown('ACCEPTED')

  cli.process.kill('SIGINT')
  const { code, events, stderr } = await cli.ended

  const id = events[0]?.videoTask.id
  expect(code).toBe(130)
  expect(events.at(-1)).toMatchObject({
    event: 'interrupted',
    command: `npx zerograph watch ${id}`,
  })
  expect(stderr).toContain(`npx zerograph watch ${id}`)
})

test('Ctrl-C while the create is sent prints the same command with its idempotency key', async () => {
  const arrived = Promise.withResolvers<void>()
  const url = await serve(() => arrived.resolve())
  const cli = startCli(url, ['make', '--json', '--prompt', "It's she"])
  await arrived.promise

  cli.process.kill('SIGINT')
  const { code, events } = await cli.ended

  expect(code).toBe(130)
  expect(events.at(-1)?.command).toMatch(
    /^npx zerograph make --json --prompt 'It'\\''s she' --idempotency-key [\w-]{36}$/,
  )
})

test.for([
  ['without an answer', (response: ServerResponse) => response.destroy()],
  ['with the page of a proxy', (response: ServerResponse) => response.writeHead(502).end('<html>')],
  [
    'after which 0-0 asks to wait',
    (response: ServerResponse) => {
      const code = 'RATE_LIMITED'
      const refusal = { code, message: 'Slow.', retryable: true, retryAfterSeconds: 0.1 }
      response.end(JSON.stringify({ data: { createVideoFromUrls: refusal } }))
    },
  ],
] as const)('make repeats a create %s with the same key', async ([, answer]) => {
  const keys: string[] = []
  const url = await serve(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const { variables } = JSON.parse(String(Buffer.concat(chunks)))
    if (!variables.input) return response.end('{}')
    keys.push(variables.input.idempotencyKey)
    response.setHeader('content-type', 'application/json')
    if (keys.length === 1) return answer(response)
    const refusal = { code: 'PAYMENT_REQUIRED', message: 'No balance.', retryable: false }
    return response.end(JSON.stringify({ data: { createVideoFromUrls: refusal } }))
  })

  const { code } = await runCli(url, ['make', ...PROMPT])

  expect(code).toBe(1)
  expect(keys).toHaveLength(2)
  expect(keys[0]).toBe(keys[1])
})

test('make goes on after the service was killed and started again', async () => {
  const upstream = await scriptUpstream()
  const environment = {
    UPSTREAM_URL: upstream.url,
    DATA_DIR: temporaryFolder(),
    ASSET_POLL_MIN_MS: '50',
    ASSET_POLL_MAX_MS: '50',
    TASK_POLL_MIN_MS: '50',
    TASK_POLL_MAX_MS: '50',
  }
  const service = await startProcess(environment)
  const image = 'https://example.com/a.png'
  const cli = startCli(service.url, ['make', '--image', image, ...PROMPT])
  await cli.shown('ACCEPTED')

  await service.kill('SIGKILL')
  await cli.shown('Connection lost')
  for (const id of upstream.assets.keys()) upstream.assets.set(id, { status: 'Active' })
  await startProcess({ ...environment, PORT: new URL(service.url).port })
  await until(() => upstream.tasks.size > 0, 10_000)
  const video = { url: 'https://cdn.example.com/a.mp4' }
  for (const id of upstream.tasks.keys()) upstream.tasks.set(id, { status: 'succeeded', video })
  const { code, stdout, stderr } = await cli.ended

  expect(code).toBe(0)
  expect(stdout).toBe(`${video.url}\n`)
  expect(stderr.match(/ {2}ACCEPTED /g)).toHaveLength(1)
  expect(upstream.callsTo('POST /v1/video')).toHaveLength(1)
}, 40_000)

/** The number of video tasks that were sent to the sandbox. */
async function countTasks(sandbox: TestSandbox): Promise<number> {
  const { body } = await sandbox.call('GET /admin/calls')
  const calls: { method: string; path: string }[] = body.calls ?? body
  return calls.filter(({ method, path }) => method === 'POST' && path === '/v1/video/tasks').length
}
