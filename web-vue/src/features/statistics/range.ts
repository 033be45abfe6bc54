// Which stretch of time is looked at, in the account's zone, and in what steps it may be counted.
import {
  parseDate,
  parseAbsolute,
  startOfMonth,
  toCalendarDate,
  toZoned,
  type CalendarDate,
} from '@internationalized/date'
import type { LocationQuery } from 'vue-router'
import type { Bucket } from '@/graphql/gen/graphql'

export const presets = ['today', '24h', '7d', '30d', '90d', '12m'] as const
export type Preset = (typeof presets)[number]

/** A stretch that moves with the clock, or whole days, first and last included ("2026-11-02"). */
export type Range = { preset: Preset } | { first: string; last: string }

export interface Window {
  from: Date
  /** Now, or the end of the last day. */
  to: Date
  /** Where the period before starts: as many hours, days or months earlier. */
  before: Date
}

export const standardRange: Range = { preset: '7d' }

/** The moments a range means at `now` in `zone`. */
export function windowOf(range: Range, now: Date, zone: string): Window {
  const here = parseAbsolute(now.toISOString(), zone)
  const today = toCalendarDate(here)
  const midnight = (day: CalendarDate) => toZoned(day, zone).toDate()
  const days = (count: number): Window => {
    const first = today.subtract({ days: count - 1 })
    return { from: midnight(first), to: now, before: midnight(first.subtract({ days: count })) }
  }
  if ('first' in range) {
    const first = parseDate(range.first)
    const last = parseDate(range.last)
    const end = midnight(last.add({ days: 1 }))
    const span = daysBetween(first, last)
    return {
      from: midnight(first),
      to: end > now ? new Date(Math.max(now.getTime(), midnight(first).getTime() + 60_000)) : end,
      before: midnight(first.subtract({ days: span })),
    }
  }
  switch (range.preset) {
    case 'today':
      return days(1)
    case '24h': {
      const from = here.set({ minute: 0, second: 0, millisecond: 0 }).subtract({ hours: 23 })
      return { from: from.toDate(), to: now, before: from.subtract({ hours: 24 }).toDate() }
    }
    case '7d':
      return days(7)
    case '30d':
      return days(30)
    case '90d':
      return days(90)
    case '12m': {
      const first = startOfMonth(today).subtract({ months: 11 })
      return { from: midnight(first), to: now, before: midnight(first.subtract({ months: 12 })) }
    }
  }
}

/** Days from the first to the last, both counted. */
function daysBetween(first: CalendarDate, last: CalendarDate): number {
  return Math.round((last.toDate('UTC').getTime() - first.toDate('UTC').getTime()) / 86_400_000) + 1
}

function lengthInDays(range: Range): number {
  if ('first' in range) return daysBetween(parseDate(range.first), parseDate(range.last))
  return { today: 1, '24h': 1, '7d': 7, '30d': 30, '90d': 90, '12m': 365 }[range.preset]
}

/** The steps that give a readable chart: neither one bar nor hundreds. */
export function bucketsFor(range: Range): Bucket[] {
  const days = lengthInDays(range)
  const fits: [Bucket, number, number][] = [
    ['HOUR', 0, 14],
    ['DAY', 2, 200],
    ['WEEK', 14, 1_100],
    ['MONTH', 60, Infinity],
  ]
  return fits.filter(([, least, most]) => days >= least && days <= most).map(([bucket]) => bucket)
}

/** The step to start with. */
export function standardBucket(range: Range): Bucket {
  const days = lengthInDays(range)
  if (days <= 2) return 'HOUR'
  if (days <= 92) return 'DAY'
  return days <= 200 ? 'WEEK' : 'MONTH'
}

const isDay = (text: unknown): text is string => {
  if (typeof text !== 'string' || !/^\d{4}-\d{2}-\d{2}$/.test(text)) return false
  try {
    parseDate(text)
    return true
  } catch {
    return false
  }
}

/** Reads range and step from an address; what makes no sense there becomes the standard. */
export function fromQuery(query: LocationQuery): { range: Range; bucket: Bucket } {
  let range = standardRange
  if (isDay(query.from) && isDay(query.to) && query.from <= query.to) range = { first: query.from, last: query.to }
  else if (presets.some((one) => one === query.range)) range = { preset: query.range as Preset }
  const wanted = String(query.by ?? '').toUpperCase() as Bucket
  return { range, bucket: bucketsFor(range).includes(wanted) ? wanted : standardBucket(range) }
}

/** Writes range and step so that `fromQuery` reads them again; standards are left out. */
export function toQuery(range: Range, bucket: Bucket): Record<string, string> {
  const written: Record<string, string> =
    'first' in range
      ? { from: range.first, to: range.last }
      : 'preset' in standardRange && range.preset === standardRange.preset
        ? {}
        : { range: range.preset }
  if (bucket !== standardBucket(range)) written.by = bucket.toLowerCase()
  return written
}
