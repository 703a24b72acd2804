import { expect, test } from 'vitest'
import { plainText } from '../src/upstream/plain-text.ts'

test.each([
  ['plain words', 'plain words'],
  ['  a \r\n\t b\u00a0\u2003c\u200bd\u0007 ', 'a b c d'],
  ['a\ud800b', 'a b'],
  ['\u202e', null],
  ['', null],
  [' ', null],
  ['上游', '上游'],
])('%j becomes the line %j', (text, line) => {
  expect(plainText(text)).toBe(line)
})

test.each([
  ['x'.repeat(300), 'x'.repeat(300)],
  ['x'.repeat(301), `${'x'.repeat(299)}…`],
  // Counted in code points, so that no surrogate pair is split.
  ['🎬'.repeat(300), '🎬'.repeat(300)],
  ['🎬'.repeat(301), `${'🎬'.repeat(299)}…`],
])('a line has at most 300 characters', (text, line) => {
  expect(plainText(text)).toBe(line)
})

test.each([
  ['key sk-abc_DEF-123.', 'key [key].'],
  ['SK-ABC', '[key]'],
  ['sk-a and sk-b', '[key] and [key]'],
  ['Bearer  abc.def==, and more', '[key] and more'],
  ['bearer\nabc', '[key]'],
  // Not keys.
  ['desk-top', 'desk-top'],
  ['a bearer', 'a bearer'],
  ['forbearer x', 'forbearer x'],
])('a key in %j is replaced', (text, line) => {
  expect(plainText(text)).toBe(line)
})

test.each([
  '<html>',
  '</p>',
  'a <br> b',
  '<P CLASS="x">',
  '<a href="https://example.com/">',
  '<svg:path d="">',
  '<h1>',
  '<!DOCTYPE html',
  '<p\nclass="x" >',
])('%j is markup and gives null', (text) => {
  expect(plainText(text)).toBeNull()
})

test.each(['a < b > c', '1 <2> 3', '< p>', '<>', '<a', '<a.b>', 'x<-y->z', '</ p>', '<p <q'])(
  '%j is not markup',
  (text) => {
    expect(plainText(text)).toBe(text)
  },
)
