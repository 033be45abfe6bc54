// How a treatment is chosen in a form, and what of it is new.
import type { TreatmentWholeFragment, UpdateTreatmentInput } from '@/graphql/gen/graphql'

/** As the account says, or as usual. */
export const USUAL = 'USUAL'
/** No template, no footer. */
export const NONE = 'NONE'

export const switches = ['trackOpens', 'trackClicks', 'trackText', 'listUnsubscribe', 'forwardReturns'] as const
/** What is chosen for an account as a whole. */
export const ofAccounts = ['wholeIp'] as const
export type Switch = (typeof switches)[number] | (typeof ofAccounts)[number]
/** Days that details of opens and clicks may be kept, besides the usual 400. */
const days = ['7', '30', '90', '365']
export type Turned = 'USUAL' | 'ON' | 'OFF'

export interface Choice {
  template: string
  footer: string
  tag: string
  /** Days that visits are kept. */
  kept: string
  turned: Record<Switch, Turned>
}

function turnedAs(value: boolean | null | undefined, usual: Turned): Turned {
  return value == null ? usual : value ? 'ON' : 'OFF'
}

/** What stands in the form. At an account nothing chosen is off: there is nobody above it to ask. */
export function choiceOf(told: TreatmentWholeFragment): Choice {
  const usual = told.credentialId == null ? 'OFF' : USUAL
  return {
    template: told.noTemplate ? NONE : (told.templateId ?? USUAL),
    footer: told.noFooter ? NONE : (told.footerId ?? USUAL),
    tag: told.unsubscribeTagId ?? USUAL,
    kept: told.visitDays == null ? USUAL : String(told.visitDays),
    turned: {
      trackOpens: turnedAs(told.trackOpens, usual),
      trackClicks: turnedAs(told.trackClicks, usual),
      trackText: turnedAs(told.trackText, usual),
      listUnsubscribe: turnedAs(told.listUnsubscribe, usual),
      forwardReturns: turnedAs(told.forwardReturns, usual),
      wholeIp: turnedAs(told.wholeIp, usual),
    },
  }
}

/** What may be chosen, what somebody has chosen otherwise included. */
export function daysOf(before: Choice): string[] {
  const known = before.kept === USUAL || days.includes(before.kept) ? days : [...days, before.kept]
  return known.toSorted((one, other) => Number(one) - Number(other))
}

/** What has to be sent: what was not touched is not said. */
export function changesOf(before: Choice, now: Choice): Omit<UpdateTreatmentInput, 'accountId' | 'credentialId'> {
  const changes: Omit<UpdateTreatmentInput, 'accountId' | 'credentialId'> = {}
  if (now.template !== before.template) {
    if (now.template === NONE) changes.noTemplate = true
    else changes.templateId = now.template === USUAL ? null : now.template
  }
  if (now.footer !== before.footer) {
    if (now.footer === NONE) changes.noFooter = true
    else changes.footerId = now.footer === USUAL ? null : now.footer
  }
  if (now.tag !== before.tag) changes.unsubscribeTagId = now.tag === USUAL ? null : now.tag
  if (now.kept !== before.kept) changes.visitDays = now.kept === USUAL ? null : Number(now.kept)
  for (const one of [...switches, ...ofAccounts]) {
    if (now.turned[one] !== before.turned[one])
      changes[one] = now.turned[one] === USUAL ? null : now.turned[one] === 'ON'
  }
  return changes
}
