// Has every value that becomes part of a key its text?
import { describe, expect, it } from 'vitest'
import { statusColor } from '@/app/status'
import { segments, spans } from '@/features/emails/filter'
import { figures } from '@/features/statistics/counts'
import { presets } from '@/features/statistics/range'
import type { Bucket, EventKind } from '@/graphql/gen/graphql'
import { readFileSync } from 'node:fs'

const en = JSON.parse(readFileSync('src/locales/en.json', 'utf8')) as Record<string, unknown>

function has(key: string): boolean {
  let found: unknown = en
  for (const part of key.split('.')) found = (found as Record<string, unknown> | undefined)?.[part]
  return typeof found === 'string' && found !== ''
}

const kinds: Record<EventKind, true> = {
  ACCEPTED: true,
  HELD: true,
  RELEASED: true,
  DEFERRED: true,
  DELIVERED: true,
  BOUNCED: true,
  EXPIRED: true,
  SUPPRESSED: true,
  CANCELLED: true,
  OPENED: true,
  CLICKED: true,
  UNSUBSCRIBED: true,
  COMPLAINED: true,
}
const steps: Record<Bucket, true> = { HOUR: true, DAY: true, WEEK: true, MONTH: true }

const keys = [
  ...Object.keys(statusColor).map((one) => `status.${one}`),
  ...Object.keys(kinds).map((one) => `event.${one}`),
  ...Object.keys(steps).map((one) => `step.${one}`),
  ...figures.flatMap((one) => [`figures.${one}.name`, `figures.${one}.means`]),
  ...presets.map((one) => `range.${one}`),
  ...Object.keys(segments).map((one) => `emails.segment.${one}`),
  ...spans.map((one) => `emails.span.${one}`),
]

describe('English', () => {
  it.each(keys)('has %s', (key) => {
    expect(has(key)).toBe(true)
  })

  it('has no text for what is not there', () => {
    expect(has('status.vanished')).toBe(false)
  })
})
