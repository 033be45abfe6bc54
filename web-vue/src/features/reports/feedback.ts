// What feedback loops call a report (RFC 5965 §7.3), as far as there is a word for people.
export const words = ['abuse', 'optOut', 'fraud', 'virus', 'other'] as const
export type Word = (typeof words)[number]

/** The word of `complaints.feedback.*` for a loop's own; null where there is none. */
export function wordOf(feedback: string | null | undefined): Word | null {
  if (feedback === 'opt-out' || feedback === 'opt-out-list') return 'optOut'
  return words.find((one) => one === feedback) ?? null
}
