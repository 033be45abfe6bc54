// Has each report of a feedback loop a word that people understand, or its own?
import { describe, expect, it } from 'vitest'
import { wordOf } from './feedback'

describe('wordOf', () => {
  it.each([
    ['abuse', 'abuse'],
    ['opt-out', 'optOut'],
    ['opt-out-list', 'optOut'],
    ['fraud', 'fraud'],
    ['x-phish', null],
    ['', null],
    [null, null],
    [undefined, null],
  ])('%j is %j', (feedback, word) => {
    expect(wordOf(feedback)).toBe(word)
  })
})
