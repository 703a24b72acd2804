import { globSync, readFileSync } from 'node:fs'
import { basename, dirname, join, relative, resolve } from 'node:path'
import { expect, test } from 'vitest'

const SRC = resolve(import.meta.dirname, '../src')

/** Which rooms a room may import from, besides itself. The files at the root may import everything. */
const MAY_IMPORT: Record<string, string[]> = {
  http: ['execution', 'telemetry', 'websocket', 'model'],
  websocket: ['execution', 'model'],
  execution: ['schema', 'resolvers', 'auth', 'telemetry', 'model'],
  auth: ['model'],
  telemetry: ['model'],
  schema: ['resolvers', 'model'],
  resolvers: ['ledger', 'upstream', 'model'],
  upstream: ['model'],
  tracking: ['ledger', 'upstream', 'model'],
  ledger: ['model'],
  sandbox: ['model'],
  model: [],
}

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
    return from !== '' && from !== to && !MAY_IMPORT[from]?.includes(to)
  })

  expect(refused.map(({ file, target }) => `${file} -> ${target}`)).toEqual([])
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

  expect(circles).toEqual([])
})

/** Views of one entity in the schema, in the resolvers and in the ledger have the same name. */
const VIEWS = ['schema', 'resolvers', 'ledger']

test('a file name says what is inside, so no two files have the same one', () => {
  const files = globSync('**/*.ts', { cwd: SRC }).filter((file) => roomOf(file) !== 'sandbox')
  const others = files.filter((file) => !VIEWS.includes(roomOf(file)))
  const repeated = files.filter((file) =>
    others.some((other) => other !== file && basename(other) === basename(file)),
  )

  expect(repeated).toEqual([])
})

function roomOf(file: string): string {
  return file.includes('/') ? (file.split('/')[0] as string) : ''
}
