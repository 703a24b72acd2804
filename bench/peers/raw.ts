import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { get, type UpstreamAsset, type UpstreamGroup } from './upstream-get.ts'

/**
 * The handler that every row is compared with: it makes the same upstream calls and sends the same responses as a GraphQL
 * server, but it knows the two operations of the bench and never reads the document.
 */
interface Answer {
  assetId: string
  name: string
  status: string
  url: string
  createdAt: string
  group?: { groupId: string; name: string }
}

createServer((request, response) => {
  let text = ''
  request.setEncoding('utf8')
  request.on('data', (chunk: string) => {
    text += chunk
  })
  request.on('end', () => {
    respond(text, request, response).catch((error) => {
      response.writeHead(500).end(String(error))
    })
  })
}).listen(Number(process.env.PORT), '127.0.0.1')

async function respond(
  text: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  // Such as the requests of the bench that wait for the start.
  if (request.method !== 'POST') return void response.end()
  const { variables } = JSON.parse(text) as { variables: Record<string, string> }
  const authorization = request.headers.authorization ?? ''
  const names = Object.keys(variables)
  const data =
    names.length === 1
      ? { asset: await readOne(variables.a0 ?? '', authorization) }
      : await readMany(variables, names, authorization)
  const body = Buffer.from(JSON.stringify({ data }))
  response.writeHead(200, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': body.length,
  })
  response.end(body)
}

async function readOne(id: string, authorization: string): Promise<Answer> {
  return answerOf(await get<UpstreamAsset>(`/assets/${id}`, authorization))
}

async function readMany(
  variables: Record<string, string>,
  names: string[],
  authorization: string,
): Promise<Record<string, Answer>> {
  const groups = new Map<string, Promise<UpstreamGroup>>()
  const groupOf = (id: string) => {
    let group = groups.get(id)
    if (!group) {
      group = get<UpstreamGroup>(`/asset-groups/${id}`, authorization)
      groups.set(id, group)
    }
    return group
  }
  const answers = await Promise.all(
    names.map(async (name) => {
      const asset = await get<UpstreamAsset>(`/assets/${variables[name]}`, authorization)
      const { group_id, name: groupName } = await groupOf(asset.group_id)
      return { ...answerOf(asset), group: { groupId: group_id, name: groupName } }
    }),
  )
  return Object.fromEntries(names.map((name, index) => [name, answers[index] as Answer]))
}

function answerOf(asset: UpstreamAsset): Answer {
  return {
    assetId: asset.asset_id,
    name: asset.name,
    status: asset.status.toUpperCase(),
    url: asset.url,
    createdAt: new Date(asset.created_at * 1_000).toISOString(),
  }
}
