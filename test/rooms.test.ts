import { globSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { expect, test } from 'vitest'

const SRC = resolve(import.meta.dirname, '../src')

/** Which rooms a room may import from, besides itself and the model. The files at the root may import everything. */
const MAY_IMPORT: Record<string, string[]> = {
  http: ['execution', 'telemetry', 'websocket'],
  websocket: ['execution'],
  execution: ['schema', 'resolvers', 'auth', 'telemetry'],
  auth: [],
  telemetry: [],
  schema: ['resolvers'],
  resolvers: ['ledger', 'upstream'],
  upstream: [],
  tracking: ['ledger', 'upstream'],
  ledger: [],
  sandbox: [],
}

/** Imports that break the table and are still to be removed. The list may only become shorter. */
const KNOWN_IMPORTS = [
  'auth/identity.ts -> config.ts',
  'auth/identity.ts -> resolvers/failure.ts',
  'auth/jwt.ts -> resolvers/failure.ts',
  'http/graphql-handler.ts -> auth/identity.ts',
  'http/graphql-handler.ts -> resolvers/failure.ts',
  'http/graphql-handler.ts -> schema/index.ts',
  'schema/connection.ts -> ledger/page-bounds.ts',
  'schema/cost.ts -> ledger/page-bounds.ts',
  'websocket/connection.ts -> model/expiry.ts',
  'websocket/connection.ts -> auth/identity.ts',
  'websocket/connection.ts -> http/graphql-handler.ts',
  'websocket/connection.ts -> resolvers/failure.ts',
  'websocket/endpoint.ts -> http/graphql-handler.ts',
  'websocket/endpoint.ts -> http/request-id.ts',
  'websocket/operation.ts -> http/graphql-handler.ts',
]

/** Circles that are still to be removed. The list may only become shorter. */
const KNOWN_CIRCLES = [
  'resolvers/context.ts -> resolvers/loaders.ts -> resolvers/context.ts',
  'resolvers/context.ts -> resolvers/loaders.ts -> resolvers/reads.ts -> resolvers/context.ts',
  'websocket/endpoint.ts -> websocket/connection.ts -> websocket/endpoint.ts',
]

/** Every import of a file of ours in src, type imports included, as paths below src. */
const imports = globSync('**/*.ts', { cwd: SRC })
  .sort()
  .flatMap((file) =>
    [
      ...readFileSync(join(SRC, file), 'utf8').matchAll(/(?:from|import\(|^import) ?'(\.[^']+)'/gm),
    ].map(([, path]) => ({
      file,
      target: relative(SRC, resolve(SRC, dirname(file), path as string)),
    })),
  )

test('rooms import only what the table of the architecture allows', () => {
  const refused = imports.filter(({ file, target }) => {
    if (target.startsWith('..')) return false // package.json
    const [from, to] = [roomOf(file), roomOf(target)]
    if (file === 'model.ts') return true
    if (from === '' || from === to || target === 'model.ts') return false
    return !MAY_IMPORT[from]?.includes(to)
  })

  expect(refused.map(({ file, target }) => `${file} -> ${target}`).sort()).toEqual(KNOWN_IMPORTS)
})

test('no files import each other in a circle', () => {
  const targets = Map.groupBy(imports, ({ file }) => file)
  const done = new Set<string>()
  const circles: string[] = []
  const visit = (file: string, path: string[]): void => {
    if (path.includes(file)) circles.push([...path.slice(path.indexOf(file)), file].join(' -> '))
    if (path.includes(file) || done.has(file)) return
    for (const { target } of targets.get(file) ?? []) visit(target, [...path, file])
    done.add(file)
  }

  for (const file of targets.keys()) visit(file, [])

  expect(circles.sort()).toEqual([...KNOWN_CIRCLES].sort())
})

function roomOf(file: string): string {
  return file.includes('/') ? (file.split('/')[0] as string) : ''
}
