// Is what people type read as they mean it?
import { describe, expect, it } from 'vitest'
import { dayEnding, endOfDay, lines, wholeNumber } from './typed'

describe('wholeNumber', () => {
  it.each([
    ['1000', 1000],
    [' 1 000 ', 1000],
    ['1,000', 1000],
    ["10'000", 10000],
    ['0', 0],
    ['', null],
    ['  ', null],
    ['-5', undefined],
    ['ten', undefined],
    ['1e3', undefined],
    ['9999999999999999', undefined],
  ])('reads %j as %s', (typed, meant) => {
    expect(wholeNumber(typed)).toBe(meant)
  })
})

describe('lines', () => {
  it('takes one entry a line or between commas', () => {
    expect(lines(' 203.0.113.0/24\n\n2001:db8::/48, 198.51.100.7 ')).toEqual([
      '203.0.113.0/24',
      '2001:db8::/48',
      '198.51.100.7',
    ])
  })
})

describe('the end of a day', () => {
  it('is the next midnight where the account lives', () => {
    expect(endOfDay('2026-12-31', 'Europe/Rome')).toBe('2026-12-31T23:00:00.000Z')
    expect(endOfDay('2026-06-30', 'Europe/Rome')).toBe('2026-06-30T22:00:00.000Z')
  })

  it('is read back as the day it ends', () => {
    for (const zone of ['UTC', 'Europe/Rome', 'America/Los_Angeles', 'Pacific/Auckland']) {
      expect(dayEnding(endOfDay('2026-10-25', zone), zone)).toBe('2026-10-25')
    }
  })

  it.each(['', 'soon', '31.12.2026'])('is none for %j', (day) => {
    expect(endOfDay(day, 'UTC')).toBeNull()
  })

  it('is empty for what never ends', () => {
    expect(dayEnding(null, 'UTC')).toBe('')
  })
})
