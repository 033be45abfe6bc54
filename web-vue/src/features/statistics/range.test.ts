// Does a chosen range mean the right moments in the account's zone, and survive the address bar?
import { describe, expect, it } from 'vitest'
import { bucketsFor, fromQuery, standardBucket, toQuery, windowOf, type Range } from './range'

const now = new Date('2026-11-23T05:40:00Z')
const told = (range: Range, zone = 'UTC', at = now) => {
  const { from, to, before } = windowOf(range, at, zone)
  return [before, from, to].map((moment) => moment.toISOString().replace('.000Z', 'Z'))
}

describe('windowOf', () => {
  it('starts days at the midnight of the zone', () => {
    expect(told({ preset: 'today' }, 'Asia/Kathmandu')).toEqual([
      '2026-11-21T18:15:00Z',
      '2026-11-22T18:15:00Z',
      '2026-11-23T05:40:00Z',
    ])
  })

  it('takes seven days up to now, and the seven before', () => {
    expect(told({ preset: '7d' })).toEqual(['2026-11-10T00:00:00Z', '2026-11-17T00:00:00Z', '2026-11-23T05:40:00Z'])
  })

  it('starts twenty-four hours at a full hour', () => {
    expect(told({ preset: '24h' })).toEqual(['2026-11-21T06:00:00Z', '2026-11-22T06:00:00Z', '2026-11-23T05:40:00Z'])
  })

  it('takes twelve months from the first of a month', () => {
    expect(told({ preset: '12m' })).toEqual(['2024-12-01T00:00:00Z', '2025-12-01T00:00:00Z', '2026-11-23T05:40:00Z'])
  })

  it('takes whole days of a calendar, the last one included, across a change of clocks', () => {
    expect(told({ first: '2026-10-24', last: '2026-10-25' }, 'Europe/Berlin')).toEqual([
      '2026-10-21T22:00:00Z',
      '2026-10-23T22:00:00Z',
      '2026-10-25T23:00:00Z',
    ])
  })

  it('ends now when the last day is today', () => {
    expect(told({ first: '2026-11-20', last: '2026-11-23' })[2]).toBe('2026-11-23T05:40:00Z')
  })
})

describe('buckets', () => {
  it('offers steps that make a readable chart', () => {
    expect(bucketsFor({ preset: 'today' })).toEqual(['HOUR'])
    expect(bucketsFor({ preset: '7d' })).toEqual(['HOUR', 'DAY'])
    expect(bucketsFor({ preset: '90d' })).toEqual(['DAY', 'WEEK', 'MONTH'])
    expect(bucketsFor({ preset: '12m' })).toEqual(['WEEK', 'MONTH'])
  })

  it('always starts with one that is offered', () => {
    const ranges: Range[] = [
      ...(['today', '24h', '7d', '30d', '90d', '12m'] as const).map((preset) => ({ preset })),
      { first: '2026-11-01', last: '2026-11-01' },
      { first: '2020-01-01', last: '2026-11-01' },
    ]
    for (const range of ranges) expect(bucketsFor(range)).toContain(standardBucket(range))
  })
})

describe('the address bar', () => {
  it('brings back what was written', () => {
    const range = { first: '2026-11-02', last: '2026-11-20' }
    expect(fromQuery(toQuery(range, 'WEEK'))).toEqual({ range, bucket: 'WEEK' })
    expect(fromQuery(toQuery({ preset: '30d' }, 'DAY'))).toEqual({ range: { preset: '30d' }, bucket: 'DAY' })
    expect(toQuery({ preset: '7d' }, 'DAY')).toEqual({})
  })

  it.each<Record<string, string>>([
    { range: 'constructor' },
    { from: '2026-11-20', to: '2026-11-02' },
    { from: '2026-02-31x', to: 'x' },
    { by: 'year' },
    { by: 'month' },
  ])('falls back to the standard for %j', (query) => {
    expect(fromQuery(query)).toEqual({ range: { preset: '7d' }, bucket: 'DAY' })
  })
})
