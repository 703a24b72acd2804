/** Receives the head (start line and headers) and the body of a complete HTTP/1.1 message. */
export type OnMessage = (head: string, body: string) => void

/** The body of a message, and the index of the first character after the message. */
interface Body {
  body: string
  end: number
}

const HEAD_END = '\r\n\r\n'

/**
 * Splits the bytes of one connection into HTTP/1.1 messages with `content-length` or chunks. It does only what the bench
 * needs, so that the bench takes little CPU time. Bytes become characters one by one (Latin-1).
 */
export function createMessageReader(onMessage: OnMessage): (chunk: Buffer) => void {
  let pending = ''
  return (chunk) => {
    let text = pending === '' ? chunk.toString('latin1') : pending + chunk.toString('latin1')
    let start = 0
    for (;;) {
      const headEnd = text.indexOf(HEAD_END, start)
      if (headEnd === -1) break
      const head = text.slice(start, headEnd)
      const message = readBody(text, headEnd + HEAD_END.length, head)
      if (message === null) break
      start = message.end
      onMessage(head, message.body)
    }
    text = start === 0 ? text : text.slice(start)
    pending = text
  }
}

/** Null when the body is not complete yet. */
function readBody(text: string, start: number, head: string): Body | null {
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)
  if (length) {
    const end = start + Number(length[1])
    return end > text.length ? null : { body: text.slice(start, end), end }
  }
  if (/\r\ntransfer-encoding: *chunked/i.test(head)) return readChunks(text, start)
  return { body: '', end: start }
}

function readChunks(text: string, start: number): Body | null {
  let body = ''
  for (let from = start; ; ) {
    const lineEnd = text.indexOf('\r\n', from)
    if (lineEnd === -1) return null
    const size = Number.parseInt(text.slice(from, lineEnd), 16)
    const end = lineEnd + 2 + size + 2
    if (end > text.length) return null
    if (size === 0) return { body, end }
    body += text.slice(lineEnd + 2, end - 2)
    from = end
  }
}
