import { gzipSync } from 'node:zlib'
import { renderGraphiQL } from '@graphql-yoga/render-graphiql'

/**
 * An independent program. Renders the GraphiQL page with the options in its first argument (JSON), and writes the page
 * to standard output, compressed with gzip.
 */
const page = renderGraphiQL(JSON.parse(process.argv[2] ?? '{}'))
process.stdout.write(gzipSync(fixTabs(sendHeadersInInit(page))))

/** Sends the headers of a tab in connection_init too. The page sends them with each operation only. */
function sendHeadersInInit(page: string): string {
  return replaceIn(
    page,
    /extensions:\{headers:(\w+)\?\.headers\}/,
    'extensions:{headers:$1?.headers,connectionParams:$1?.headers}',
  )
}

/** Prevents tabs from moving on focus, because a tab that moves does not receive the click. */
function fixTabs(page: string): string {
  return replaceIn(
    page,
    '</head>',
    '<style>.graphiql-tab { transform: none !important }</style></head>',
  )
}

/** Throws when the pattern does not match: a newer version of the page then needs another replacement. */
function replaceIn(page: string, pattern: string | RegExp, replacement: string): string {
  const result = page.replace(pattern, replacement)
  if (result === page) throw new Error(`The GraphiQL page has no ${pattern}.`)
  return result
}
