import { createServer, type Socket } from 'node:net'
import { createMessageReader } from './http-messages.ts'

/**
 * A simulated 0-0 without state, directly on sockets, because it must cost less than what it is used to measure. The id of
 * an asset has its status, for example `Asset-PROCESSING-45`. Every twenty assets share four groups.
 *
 * `/control` sets what its parameters name and returns the number of calls since the previous request to `/control`:
 * `latencyMs` is the time before each response, `pendingStatus` is the status of the assets `Asset-PENDING-<n>`.
 */
let latencyMs = 0
let pendingStatus = 'Processing'
let calls = 0
/** The number of the asset that was created last. No range of the bench contains it. */
let created = 100_000_000

const server = createServer({ noDelay: true }, (socket) => {
  socket.on('error', () => socket.destroy())
  socket.on(
    'data',
    createMessageReader((head) => respond(socket, head)),
  )
})

function respond(socket: Socket, head: string): void {
  const target = head.slice(head.indexOf(' ') + 1, head.indexOf(' HTTP/'))
  if (target.startsWith('/control')) {
    socket.write(responseOf(control(target)))
    return
  }
  calls += 1
  const response = responseOf(
    `{"code":200,"msg":"OK","data":${head.startsWith('POST') ? createdAsset() : entity(target)}}`,
  )
  if (latencyMs === 0) socket.write(response, 'latin1')
  else setTimeout(() => socket.write(response, 'latin1'), latencyMs)
}

function control(target: string): string {
  const parameters = new URL(target, 'http://localhost').searchParams
  latencyMs = Number(parameters.get('latencyMs') ?? latencyMs)
  pendingStatus = parameters.get('pendingStatus') ?? pendingStatus
  const body = JSON.stringify({ calls })
  calls = 0
  return body
}

/** The entity of a path such as `/v1/assets/Asset-ACTIVE-45?platform=JIMENG`. */
function entity(target: string): string {
  const query = target.indexOf('?')
  const path = query === -1 ? target : target.slice(0, query)
  const id = path.slice(path.lastIndexOf('/') + 1)
  return path.startsWith('/v1/assets/') ? asset(id) : group(id)
}

function createdAsset(): string {
  created += 1
  return asset(`Asset-PROCESSING-${created}`)
}

function asset(id: string): string {
  const dash = id.lastIndexOf('-')
  const index = Number(id.slice(dash + 1))
  const status = statusOf(id.slice(id.indexOf('-') + 1, dash))
  return (
    `{"asset_id":"${id}","group_id":"group-${Math.floor(index / 20)}-${index % 4}","name":"Asset ${index}",` +
    `"asset_type":"Image","status":"${status}","url":"https://cdn.example.com/${id}.png","created_at":1714444800}`
  )
}

function statusOf(word: string): string {
  if (word === 'PENDING') return pendingStatus
  return word.charAt(0) + word.slice(1).toLowerCase()
}

function group(id: string): string {
  return `{"group_id":"${id}","name":"Group ${id}","status":"Active","created_at":1714444800}`
}

function responseOf(body: string): string {
  return `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`
}

server.listen(Number(process.env.PORT), '127.0.0.1')
