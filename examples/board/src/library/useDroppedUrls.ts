import { useEffect, useEffectEvent } from 'react'
import { urlsOf } from './file-type.ts'

const FIELDS = 'input, textarea, select, [contenteditable]'

/** Calls back with the URLs that the user drops or pastes anywhere, except into a field. */
export function useDroppedUrls(onUrls: (urls: string[]) => void): void {
  const receive = useEffectEvent((text: string | undefined) => {
    const urls = urlsOf(text ?? '')
    if (urls.length > 0) onUrls(urls)
  })

  useEffect(() => {
    const controller = new AbortController()
    const { signal } = controller
    const listen = window.addEventListener
    listen(
      'paste',
      (event) => {
        const isInField = event.target instanceof Element && event.target.closest(FIELDS)
        if (!isInField) receive(event.clipboardData?.getData('text/plain'))
      },
      { signal },
    )
    // Without this, the browser would leave the page for the dropped URL.
    listen('dragover', (event) => event.preventDefault(), { signal })
    listen(
      'drop',
      (event) => {
        if (event.defaultPrevented) return
        event.preventDefault()
        const data = event.dataTransfer
        receive(data?.getData('text/uri-list') || data?.getData('text/plain'))
      },
      { signal },
    )
    return () => controller.abort()
  }, [])
}
