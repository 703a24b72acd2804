import { createServer } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'

/**
 * A simulated 0-0 without state. The id of an asset has its status, for example `Asset-PROCESSING-45`. Every twenty assets
 * share four groups. `/control?latencyMs=20` sets the latency and returns the number of calls since the previous request
 * to `/control`.
 */
let latencyMs = 0
let calls = 0

const server = createServer(async (request, response) => {
  const { pathname, searchParams } = new URL(request.url ?? '', 'http://localhost')
  if (pathname === '/control') {
    response.end(JSON.stringify({ calls }))
    latencyMs = Number(searchParams.get('latencyMs'))
    calls = 0
    return
  }
  calls += 1
  if (latencyMs > 0) await sleep(latencyMs)
  const [, , kind, id = ''] = pathname.split('/')
  const data = kind === 'assets' ? assetOf(id) : groupOf(id)
  response.setHeader('content-type', 'application/json')
  response.end(JSON.stringify({ code: 200, msg: 'OK', data }))
})

function assetOf(id: string) {
  const [, status = '', number] = id.split('-')
  const index = Number(number)
  return {
    asset_id: id,
    group_id: `group-${Math.floor(index / 20)}-${index % 4}`,
    name: `Asset ${index}`,
    asset_type: 'Image',
    status: status.charAt(0) + status.slice(1).toLowerCase(),
    url: `https://cdn.example.com/${id}.png`,
    created_at: 1_714_444_800,
  }
}

function groupOf(id: string) {
  return { group_id: id, name: `Group ${id}`, status: 'Active', created_at: 1_714_444_800 }
}

server.listen(Number(process.env.PORT), '127.0.0.1')
