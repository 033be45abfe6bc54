// A suppression list as a file, in and out.
import type { Fault } from '@/app/client'
import { addressOf, rowsOf, transfer } from '@/app/csv'
import type { SuppressionReason } from '@/graphql/gen/graphql'

/** Whose list. */
export interface Owner {
  /** null: one's own account's. */
  accountId: string | null
  forEverybody: boolean
}

export interface Report {
  /** As it was told, to be kept. */
  text: string
  added: number
  /** On the list already. */
  duplicate: number
  bad: { line: string; address: string; detail: string }[]
}

/** Where the list is had as CSV, narrowed as it is shown. */
export function exportOf(
  owner: Owner,
  filter: { search: string | null; reasons: readonly SuppressionReason[]; since: string | null },
): string {
  const reason = filter.reasons.map((one) => one.toLowerCase())
  return addressOf('/v1/suppressions/export', {
    ...asked(owner),
    search: filter.search,
    since: filter.since,
    reason,
  })
}

/** Puts everybody in a file on the list; `reason` is that of lines that name none. */
export async function imported(
  owner: Owner,
  reason: SuppressionReason,
  file: Blob,
): Promise<{ report: Report; fault: null } | { report: null; fault: Fault }> {
  const address = addressOf('/v1/suppressions/import', { ...asked(owner), reason: reason.toLowerCase() })
  const { text, fault } = await transfer(address, file)
  return text === null ? { report: null, fault } : { report: reportOf(text), fault: null }
}

/** What became of each line of an import. */
export function reportOf(text: string): Report {
  const report: Report = { text, added: 0, duplicate: 0, bad: [] }
  for (const [line = '', address = '', outcome, detail = ''] of rowsOf(text).slice(1)) {
    if (outcome === 'added') report.added += 1
    else if (outcome === 'duplicate') report.duplicate += 1
    else report.bad.push({ line, address, detail })
  }
  return report
}

function asked({ accountId, forEverybody }: Owner): Record<string, string | null> {
  return forEverybody ? { everybody: 'true' } : { account: accountId }
}
