// How numbers, sizes and times are written, in the language and time zone of the account.
import { useI18n } from 'vue-i18n'
import { timeZone } from './session'

const formats = new Map<string, Intl.DateTimeFormat>()

function dateFormat(language: string, zone: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = language + zone + JSON.stringify(options)
  let format = formats.get(key)
  if (format === undefined) {
    format = new Intl.DateTimeFormat(language, { timeZone: zone, ...options })
    formats.set(key, format)
  }
  return format
}

const spans = [
  ['millisecond', 1, 1_000, 0],
  ['second', 1_000, 60_000, 1],
  ['minute', 60_000, 3_600_000, 1],
  ['hour', 3_600_000, 86_400_000, 1],
  ['day', 86_400_000, Infinity, 1],
] as const

/** A length of time in the unit that suits it: 470 ms, 2.5 sec, 21.7 min. */
export function duration(milliseconds: number, language: string): string {
  const [unit, length, , digits] = spans.find(([, , end]) => milliseconds < end) ?? spans[0]
  return new Intl.NumberFormat(language, {
    style: 'unit',
    unit,
    unitDisplay: 'short',
    maximumFractionDigits: digits,
  }).format(milliseconds / length)
}

/** A moment in as few words as are clear now: today's as 14:03:22, others with their day, and their year where it is another. */
export function momentIn(at: Date, now: Date, language: string, zone: string): string {
  const told = (of: Date, options: Intl.DateTimeFormatOptions) => dateFormat(language, zone, options).format(of)
  const day = { day: 'numeric', month: 'short', year: 'numeric' } as const
  const time = { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' } as const
  if (told(at, day) === told(now, day)) return told(at, { ...time, second: '2-digit' })
  const thisYear = told(at, { year: 'numeric' }) === told(now, { year: 'numeric' })
  return told(at, { ...day, ...time, year: thisYear ? undefined : 'numeric' })
}

/** Formatters bound to the spoken language and the account's zone. */
export function useFormat() {
  const { locale } = useI18n()

  return {
    /** 12,345 */
    count: (value: number) => new Intl.NumberFormat(locale.value).format(value),
    /** A share of a whole, "98.2%"; null where the whole is nothing. */
    share: (part: number, whole: number) =>
      whole === 0
        ? null
        : new Intl.NumberFormat(locale.value, { style: 'percent', maximumFractionDigits: 1 }).format(part / whole),
    /** How much more or less than an earlier figure, "12%"; null where there was none. */
    growth: (now: number, before: number) =>
      before === 0
        ? null
        : new Intl.NumberFormat(locale.value, {
            style: 'percent',
            maximumFractionDigits: 0,
          }).format(Math.abs(now - before) / before),
    /** 4.2 kB */
    size: (bytes: number) => {
      const [value, unit] =
        bytes < 1_000
          ? [bytes, 'byte']
          : bytes < 1_000_000
            ? [bytes / 1_000, 'kilobyte']
            : [bytes / 1_000_000, 'megabyte']
      return new Intl.NumberFormat(locale.value, {
        style: 'unit',
        unit: unit as string,
        unitDisplay: bytes < 1_000 ? 'long' : 'short',
        maximumFractionDigits: 1,
      }).format(value as number)
    },
    /** Today's times as 14:03:22, others with their day, and their year where it is not this one. */
    moment: (iso: string) => momentIn(new Date(iso), new Date(), locale.value, timeZone.value),
    /** The whole of a time, zone included. */
    full: (iso: string) =>
      dateFormat(locale.value, timeZone.value, {
        dateStyle: 'medium',
        timeStyle: 'long',
        hourCycle: 'h23',
      }).format(new Date(iso)),
    /** A date by its own options, in the account's zone. */
    date: (at: Date, options: Intl.DateTimeFormatOptions) =>
      dateFormat(locale.value, timeZone.value, options).format(at),
    /** 470 ms, 21.7 min */
    duration: (milliseconds: number) => duration(milliseconds, locale.value),
  }
}
