import { expect, test } from 'vitest'
import { ask, type Data, until } from './support/app.ts'
import {
  canLimitFileSize,
  canMount,
  type Disk,
  fileSizeLimit,
  smallFileSystem,
} from './support/full-disk.ts'
import { type ServiceProcess, startProcess } from './support/process.ts'
import { type ScriptedUpstream, scriptUpstream } from './support/upstream.ts'

const CREATE = `mutation { createVideoTask(input: { prompt: "A cat" }) {
  ... on VideoTask { id status } ... on Error { code message }
} }`
const CREATE_WAITING = `mutation { createVideoTask(input: {
  prompt: "A cat", waitForAssets: true, resources: [{ role: REFERENCE, assetId: "Asset-1" }]
}) { ... on VideoTask { id status } ... on Error { code message } } }`
const LIST = '{ videoTasks { nodes { taskId status failureReason } } }'

const DISKS = [
  {
    name: 'a full file system',
    create: smallFileSystem,
    isPossible: canMount(),
    whyNot: 'this process may not mount a file system',
    message: /The disk of the database of this service is full/,
  },
  {
    name: 'a limit on the size of files',
    create: fileSizeLimit,
    isPossible: canLimitFileSize(),
    whyNot: 'there is no command prlimit',
    message: /The database of this service cannot be read or written/,
  },
]

test('at least one kind of full disk can be tested on Linux', () => {
  if (process.platform !== 'linux') return
  expect(DISKS.some(({ isPossible }) => isPossible)).toBe(true)
})

async function start(disk: Disk): Promise<{ service: ServiceProcess; upstream: ScriptedUpstream }> {
  const upstream = await scriptUpstream()
  upstream.assets.set('Asset-1', { status: 'Active' })
  const service = await startProcess({
    UPSTREAM_URL: upstream.url,
    DATA_DIR: disk.dataDir,
    ASSET_POLL_MIN_MS: '50',
    ASSET_POLL_MAX_MS: '50',
    TASK_POLL_MIN_MS: '50',
    TASK_POLL_MAX_MS: '50',
  })
  return { service, upstream }
}

/** Fills the disk after 0-0 receives the first create, before 0-0 responds. */
function fillDuringCreate(upstream: ScriptedUpstream, disk: Disk, { pid }: ServiceProcess): void {
  let isFull = false
  upstream.intercept = ({ method }) => {
    if (method === 'POST' && !isFull) {
      disk.fill(pid)
      isFull = true
    }
    return undefined
  }
}

const errorsOf = ({ log }: ServiceProcess) => log.filter(({ level }) => level === 50)
const unrecorded = (service: ServiceProcess) =>
  errorsOf(service).filter(({ created }) => created !== undefined)
const ready = async ({ url }: ServiceProcess) => (await fetch(`${url}/ready`)).status
const list = async ({ url }: ServiceProcess): Promise<Data[]> =>
  (await ask(url, LIST)).data?.videoTasks.nodes

test.for(DISKS)(
  '$name during a create: the id is returned and logged, and is recorded once there is space',
  {
    timeout: 60_000,
  },
  async ({ create, isPossible, whyNot, message }, { skip }) => {
    if (!isPossible) skip(whyNot)
    const disk = create()
    const { service, upstream } = await start(disk)
    fillDuringCreate(upstream, disk, service)

    const created = await ask(service.url, CREATE)
    const statusWhenFull = await ready(service)
    const refused = await ask(service.url, CREATE)
    // The service writes its log in the background.
    await until(() => unrecorded(service).length > 0)
    const loggedWhenFull = unrecorded(service)
    const listedWhenFull = await list(service)
    disk.free(service.pid)
    await until(async () => (await list(service)).length > 0)
    await until(async () => (await ready(service)) === 200)
    const again = await ask(service.url, CREATE)

    expect(created.data?.createVideoTask).toMatchObject({ id: 'VideoTask:cgt-1' })
    expect(statusWhenFull).toBe(503)
    expect(refused.errors?.[0]?.extensions).toMatchObject({
      code: 'SERVICE_UNAVAILABLE',
      retryable: true,
    })
    expect(refused.errors?.[0]?.message).toMatch(message)
    expect(refused.errors?.[0]?.message).toMatch(/Nothing was created at 0-0/)
    expect(loggedWhenFull.map(({ created }) => created)).toEqual([
      { kind: 'videoTask', key: 'cgt-1' },
    ])
    expect(listedWhenFull).toEqual([])
    expect(again.data?.createVideoTask).toMatchObject({ status: 'QUEUED' })
    expect(upstream.callsTo('POST')).toHaveLength(2)
    expect((await list(service)).map(({ taskId }) => taskId)).toEqual(
      [...upstream.tasks.keys()].reverse(),
    )
  },
)

test.for(DISKS)(
  '$name while a waiting task is sent: the task continues once there is space, and is never FAILED',
  {
    timeout: 60_000,
  },
  async ({ create, isPossible, whyNot }, { skip }) => {
    if (!isPossible) skip(whyNot)
    const disk = create()
    const { service, upstream } = await start(disk)
    fillDuringCreate(upstream, disk, service)

    await ask(service.url, CREATE_WAITING)
    // Two failed passes of the tracker, which take longer than a lease.
    await until(() => errorsOf(service).filter(({ created }) => !created).length >= 2, 20_000)
    const statusWhenFull = await ready(service)
    const listedWhenFull = await list(service)
    const loggedWhenFull = unrecorded(service)
    disk.free(service.pid)
    await until(async () => (await list(service))[0]?.status !== 'WAITING_FOR_ASSETS')

    const [taskId] = upstream.tasks.keys()
    expect(statusWhenFull).toBe(503)
    expect(listedWhenFull).toMatchObject([{ status: 'WAITING_FOR_ASSETS', failureReason: null }])
    expect(loggedWhenFull.map(({ created }) => created.taskId)).toEqual([taskId])
    expect(await list(service)).toMatchObject([{ taskId, failureReason: null }])
    expect(upstream.callsTo('POST')).toHaveLength(1)
  },
)
