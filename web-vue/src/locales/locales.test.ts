// Has every value that becomes part of a key its text?
import { describe, expect, it } from 'vitest'
import { pages } from '@/app/pages'
import { statusColor } from '@/app/status'
import { EVERYTHING, nouns } from '@/features/audit/nouns'
import { steps as accountSteps } from '@/features/accounts/steps'
import { views as accountViews } from '@/features/accounts/views'
import { views as planViews } from '@/features/plans/views'
import { wanted } from '@/features/auth/wanted'
import { ways } from '@/features/suppressions/reasons'
import { kinds as kindsOfTemplate } from '@/features/templates/samples'
import { ofAccounts, switches } from '@/features/treatment/choice'
import { views as unsubscribeViews } from '@/features/unsubscribes/views'
import { segments, spans } from '@/features/emails/filter'
import { figures } from '@/features/statistics/counts'
import { presets } from '@/features/statistics/range'
import type {
  AccountKind,
  AccountState,
  BounceKind,
  Bucket,
  CopyRuleState,
  CredentialKind,
  CredentialState,
  CreditReason,
  LimitWindow,
  EventKind,
  OrderState,
  Permission,
  Role,
  SuppressionReason,
  WhenSpent,
} from '@/graphql/gen/graphql'
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
const statesOfAccount: Record<AccountState, true> = {
  ACTIVE: true,
  SUSPENDED: true,
  SUSPENDED_ABOVE: true,
  DELETED: true,
}
const kindsOfAccount: Record<AccountKind, true> = { OPERATOR: true, RESELLER: true, SUB_ACCOUNT: true }
const ends: Record<WhenSpent, true> = { REJECT: true, HOLD: true, QUEUE: true }
const statesOfOrder: Record<OrderState, true> = { OPEN: true, FULFILLED: true, CANCELLED: true }
const reasons: Record<CreditReason, true> = {
  GRANT: true,
  MESSAGE: true,
  REFUND: true,
  EXPIRED: true,
  HANDED_DOWN: true,
  RECEIVED: true,
  TAKEN_BACK: true,
  RETURNED: true,
  VOID: true,
}
const reasonsOfSuppression: Record<SuppressionReason, true> = {
  BOUNCE: true,
  COMPLAINT: true,
  UNSUBSCRIBE: true,
  MANUAL: true,
}
const kindsOfBounce: Record<BounceKind, true> = { HARD: true, SOFT: true, SPAM: true }
const statesOfCopies: Record<CopyRuleState, true> = { ASKED: true, ACTIVE: true, STOPPED: true }
const windows = ['perMinute', 'perHour', 'perDay', 'perMonth']
const limitWindows: Record<LimitWindow, true> = { MINUTE: true, HOUR: true, DAY: true, MONTH: true }
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
  ...windows.map((one) => `credentials.limit.${one}`),
  ...Object.keys(limitWindows).map((one) => `credentials.usedOf.${one}`),
  ...[EVERYTHING, ...nouns].map((one) => `audit.noun.${one}`),
  ...['begin', 'disable', 'renew'].map((one) => `security.prove.${one}`),
  ...Object.keys(statesOfAccount).map((one) => `accounts.state.${one}`),
  ...Object.keys(kindsOfAccount).map((one) => `accounts.kind.${one}`),
  ...Object.keys(ends).flatMap((one) => [`accounts.whenSpent.${one}.name`, `accounts.whenSpent.${one}.means`]),
  ...accountSteps.map((one) => `accounts.step.${one}`),
  ...accountViews.map((one) => `accounts.show.${one}`),
  ...planViews.map((one) => `plans.show.${one}`),
  ...Object.keys(statesOfOrder).map((one) => `plans.state.${one}`),
  ...Object.keys(reasons).map((one) => `credits.reason.${one}`),
  ...wanted.map((one) => `wanted.${one}`),
  ...Object.keys(reasonsOfSuppression).flatMap((one) => [
    `suppressions.reason.${one}`,
    `suppressions.removeLead.${one}`,
  ]),
  ...ways.map((one) => `suppressions.by.${one}`),
  ...Object.keys(kindsOfBounce).map((one) => `bounces.kinds.${one}`),
  ...Object.keys(statesOfCopies).map((one) => `copies.state.${one}`),
  ...unsubscribeViews.map((one) => `unsubscribes.show.${one}`),
  ...['new', 'lead', 'none', 'noneLead', 'tags', 'isDefaultHelp'].flatMap((text) =>
    kindsOfTemplate.map((one) => `templates.${text}.${one}`),
  ),
  ...[...switches, ...ofAccounts].flatMap((one) => [`treatment.turn.${one}.name`, `treatment.turn.${one}.means`]),
  ...['opens', 'clicks', 'machines', 'firstOpen', 'perMail', 'firstClick'].map((one) => `engagement.figure.${one}`),
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
