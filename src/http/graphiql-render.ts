import { gzipSync } from 'node:zlib'
import { renderGraphiQL } from '@graphql-yoga/render-graphiql'

/** Writes the GraphiQL page for the options given as JSON to standard output, compressed. */
const page = renderGraphiQL(JSON.parse(process.argv[2] ?? '{}'))
process.stdout.write(gzipSync(mendTabs(sendHeadersInInit(page))))

/** The page hands the headers of a tab to each operation, but a WebSocket wants them in connection_init. */
function sendHeadersInInit(page: string): string {
  return replaced(
    page,
    /extensions:\{headers:(\w+)\?\.headers\}/,
    'extensions:{headers:$1?.headers,connectionParams:$1?.headers}',
  )
}

/** A tab that moves when it gets the focus is gone from under the pointer before the click ends. */
function mendTabs(page: string): string {
  return replaced(
    page,
    '</head>',
    '<style>.graphiql-tab { transform: none !important }</style></head>',
  )
}

/** Throws when there is nothing to replace: the page of a newer version has to be looked at again. */
function replaced(page: string, what: string | RegExp, by: string): string {
  const result = page.replace(what, by)
  if (result === page) throw new Error(`The GraphiQL page has no ${what}.`)
  return result
}
