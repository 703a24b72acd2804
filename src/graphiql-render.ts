import { gzipSync } from 'node:zlib'
import { renderGraphiQL } from '@graphql-yoga/render-graphiql'

/** Writes the GraphiQL page for the options given as JSON to standard output, compressed. */
process.stdout.write(gzipSync(renderGraphiQL(JSON.parse(process.argv[2] ?? '{}'))))
