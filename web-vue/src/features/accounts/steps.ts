// The steps to a new account, and where each field of it stands.

export const steps = ['details', 'credits', 'sending', 'people', 'confirm'] as const
export type Step = (typeof steps)[number]

const homes: Record<Exclude<Step, 'confirm'>, readonly string[]> = {
  details: ['name', 'slug', 'timeZone', 'mayResell', 'parentId'],
  credits: ['planId', 'credits', 'creditsExpireAt', 'sharesPool', 'monthlyLimit', 'whenSpent'],
  sending: ['sourceId', 'domain', 'privacyUrl'],
  people: ['brandName', 'brandColor', 'firstMember.email', 'firstMember.role'],
}

/** The step that has a field; null where none has it. */
export function stepOf(field: string): Step | null {
  for (const [step, fields] of Object.entries(homes)) if (fields.includes(field)) return step as Step
  return null
}
