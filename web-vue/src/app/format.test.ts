// Is a length of time told in the unit that suits it?
import { describe, expect, it } from 'vitest'
import { duration } from './format'

describe('duration', () => {
  it.each([
    [0, '0 ms'],
    [470, '470 ms'],
    [2_540, '2.5 sec'],
    [1_303_000, '21.7 min'],
    [3 * 3_600_000, '3 hr'],
    [5 * 86_400_000, '5 days'],
  ])('tells %i milliseconds as %s', (milliseconds, told) => {
    expect(duration(milliseconds, 'en')).toBe(told)
  })
})
