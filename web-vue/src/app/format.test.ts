// Is a length of time told in the unit that suits it, and a moment so that nobody takes it for one of another year?
import { createApp, defineComponent } from 'vue'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { duration, momentIn, useFormat } from './format'
import { i18n } from './i18n'

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

describe('a moment', () => {
  const now = new Date('2026-11-23T22:31:05Z')
  beforeEach(() => void vi.useFakeTimers({ now }))
  afterEach(() => void vi.useRealTimers())

  it.each([
    ['2026-11-23T08:03:22Z', 'UTC', '08:03:22'],
    ['2026-05-22T22:31:00Z', 'UTC', 'May 22, 22:31'],
    ['2027-05-22T22:31:00Z', 'UTC', 'May 22, 2027, 22:31'],
    ['2025-11-23T22:31:05Z', 'UTC', 'Nov 23, 2025, 22:31'],
    // The year is the one that people are in, not that of UTC.
    ['2026-12-31T23:30:00Z', 'Asia/Jerusalem', 'Jan 1, 2027, 01:30'],
    ['2026-01-01T03:00:00Z', 'America/New_York', 'Dec 31, 2025, 22:00'],
  ])('%s in %s is told as %s', (iso, zone, told) => {
    expect(momentIn(new Date(iso), new Date(), 'en', zone)).toBe(told)
  })

  it.each(['en', 'fr', 'de', 'he', 'it', 'pt', 'ru', 'es'])('has its year in %s where it is another', (language) => {
    expect(momentIn(new Date('2027-05-22T22:31:00Z'), now, language, 'UTC')).toContain('2027')
    expect(momentIn(new Date('2026-05-22T22:31:00Z'), now, language, 'UTC')).not.toContain('2026')
  })

  it('is told by the clock as it stands', () => {
    let told = ''
    const page = defineComponent(() => {
      told = useFormat().moment('2027-05-22T22:31:00Z')
      return () => null
    })
    createApp(page).use(i18n).mount(document.createElement('div'))
    expect(told).toBe('May 22, 2027, 22:31')
  })
})
