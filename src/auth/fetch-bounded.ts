/**
 * Returns a `fetch` function that reads the whole body of a 200 response, and throws when the body is longer than
 * `maxBytes` after decompression. It does not read the body of any other response. The signal of the request aborts
 * both steps.
 */
export function createBoundedFetch(maxBytes: number) {
  return async (url: string, options: RequestInit): Promise<Response> => {
    const response = await fetch(url, options)
    const { body } = response
    if (response.status !== 200 || body === null) {
      await body?.cancel()
      return response
    }
    const chunks: Uint8Array<ArrayBuffer>[] = []
    let bytes = 0
    // Throwing inside the loop cancels the body and with it the connection.
    for await (const chunk of body) {
      bytes += chunk.byteLength
      if (bytes > maxBytes) throw new Error(`The response is longer than ${maxBytes} bytes.`)
      chunks.push(chunk)
    }
    return new Response(new Blob(chunks))
  }
}
