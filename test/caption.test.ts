import { expect, test } from 'vitest'
import { createCaption } from '../src/sandbox/caption.ts'

test('a word that is longer than a line is broken, so that the caption is not wider than the frame', async () => {
  const caption = await createCaption('Wordwithoutspaces'.repeat(20), { width: 480, height: 270 })

  expect(caption?.image).toMatchObject({ width: 480 })
})
