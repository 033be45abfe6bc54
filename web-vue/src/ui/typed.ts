// What people type into forms, read as what the API takes.
import { CalendarDate, parseDate, toZoned } from '@internationalized/date'

/** A whole number, zero or more; null for nothing, undefined for what is none. Spaces and separators between digits are fine. */
export function wholeNumber(typed: string): number | null | undefined {
  const plain = typed.replace(/[\s,.'’_]/g, '')
  if (plain === '') return null
  return /^\d{1,15}$/.test(plain) ? Number(plain) : undefined
}

/** One entry a line, or between commas; empty ones are left out. */
export function lines(typed: string): string[] {
  return typed
    .split(/[\n,;]/)
    .map((one) => one.trim())
    .filter((one) => one !== '')
}

/** The end of a day "2026-12-31" in a time zone, as a moment; null for no day. */
export function endOfDay(day: string, zone: string): string | null {
  if (!/^\d{4}-\d\d-\d\d$/.test(day)) return null
  return toZoned(parseDate(day).add({ days: 1 }), zone).toAbsoluteString()
}

/** The day whose end (or during which) a moment is, in a time zone: what `endOfDay` was given. */
export function dayEnding(moment: string | null | undefined, zone: string): string {
  if (!moment) return ''
  const parts = new Intl.DateTimeFormat('en-CA', { timeZone: zone, year: 'numeric', month: '2-digit', day: '2-digit' })
    .format(new Date(new Date(moment).getTime() - 1))
    .split('-')
    .map(Number)
  return new CalendarDate(parts[0]!, parts[1]!, parts[2]!).toString()
}
