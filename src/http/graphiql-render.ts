import { gzipSync } from 'node:zlib'
import { renderGraphiQL } from '@graphql-yoga/render-graphiql'

/** Renders the GraphiQL page for the options in the first argument (JSON), and writes it to standard output with gzip. */
const page = renderGraphiQL(JSON.parse(process.argv[2] ?? '{}'))
process.stdout.write(gzipSync(fixTabs(sendHeadersInInit(page))))

/** The page sends the headers of a tab with each operation, but a WebSocket needs them in connection_init. */
function sendHeadersInInit(page: string): string {
  return replaced(
    page,
    /extensions:\{headers:(\w+)\?\.headers\}/,
    'extensions:{headers:$1?.headers,connectionParams:$1?.headers}',
  )
}

/** Keeps tabs in place: a tab that moves when it gets the focus does not receive the click. */
function fixTabs(page: string): string {
  return replaced(
    page,
    '</head>',
    '<style>.graphiql-tab { transform: none !important }</style></head>',
  )
}

/** Throws when there is nothing to replace, which means that a newer version of the page needs another change. */
function replaced(page: string, what: string | RegExp, by: string): string {
  const result = page.replace(what, by)
  if (result === page) throw new Error(`The GraphiQL page has no ${what}.`)
  return result
}
