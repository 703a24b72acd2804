import { createServer } from 'node:http'

/** node:http that reads the request and answers a constant: what the HTTP server of Node costs. */
const BODY = Buffer.from(
  '{"data":{"asset":{"assetId":"Asset-PROCESSING-12345","name":"Asset 12345","status":"PROCESSING",' +
    '"url":"https://cdn.example.com/Asset-PROCESSING-12345.png","createdAt":"2024-04-30T02:40:00.000Z"}}}',
)

createServer((request, response) => {
  request.resume()
  request.on('end', () => {
    response.writeHead(200, {
      'content-type': 'application/json; charset=utf-8',
      'content-length': BODY.length,
    })
    response.end(BODY)
  })
}).listen(Number(process.env.PORT), '127.0.0.1')
