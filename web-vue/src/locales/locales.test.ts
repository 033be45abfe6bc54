// Has every value that becomes part of a key its text?
import { describe, expect, it } from 'vitest'
import { pages } from '@/app/pages'
import { statusColor } from '@/app/status'
import { EVERYTHING, nouns } from '@/features/audit/nouns'
import { wanted } from '@/features/auth/wanted'
import { segments, spans } from '@/features/emails/filter'
import { figures } from '@/features/statistics/counts'
import { presets } from '@/features/statistics/range'
import type { Bucket, CredentialKind, CredentialState, EventKind, Permission, Role } from '@/graphql/gen/graphql'
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
const permissions: Record<Permission, true> = {
  READ: true,
  SEND: true,
  ACCOUNTS: true,
  MEMBERS: true,
  KEYS: true,
  CREDITS: true,
  AUDIT: true,
}
const roles: Record<Role, true> = { OWNER: true, ADMIN: true, SENDER: true, ANALYST: true, BILLING: true }
const kindsOfCredential: Record<CredentialKind, true> = { SMTP: true, API: true, SOURCE: true }
const statesOfCredential: Record<CredentialState, true> = { ACTIVE: true, DISABLED: true, EXPIRED: true, REVOKED: true }
const windows = ['perMinute', 'perHour', 'perDay', 'perMonth']
const steps: Record<Bucket, true> = { HOUR: true, DAY: true, WEEK: true, MONTH: true }

const keys = [
  ...Object.keys(statusColor).map((one) => `status.${one}`),
  ...Object.keys(kinds).map((one) => `event.${one}`),
  ...Object.keys(steps).map((one) => `step.${one}`),
  ...figures.flatMap((one) => [`figures.${one}.name`, `figures.${one}.means`]),
  ...presets.map((one) => `range.${one}`),
  ...Object.keys(segments).map((one) => `emails.segment.${one}`),
  ...Object.values(pages).flatMap((group) => group.map(({ name }) => `nav.${name}`)),
  ...Object.keys(permissions).flatMap((one) => [`permission.${one}.name`, `permission.${one}.means`]),
  ...Object.keys(roles).flatMap((one) => [`role.${one}.name`, `role.${one}.means`]),
  ...Object.keys(kindsOfCredential).map((one) => `credentials.kind.${one}`),
  ...Object.keys(statesOfCredential).map((one) => `credentials.states.${one}`),
  ...windows.flatMap((one) => [`credentials.limit.${one}`, `credentials.most.${one}`]),
  ...[EVERYTHING, ...nouns].map((one) => `audit.noun.${one}`),
  ...['begin', 'disable', 'renew'].map((one) => `security.prove.${one}`),
  ...wanted.map((one) => `wanted.${one}`),
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
