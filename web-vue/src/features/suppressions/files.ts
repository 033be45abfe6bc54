// A suppression list as a file, in and out: the API takes and gives CSV beside GraphQL.
import { signedOut, type Fault } from '@/app/client'
import type { SuppressionReason } from '@/graphql/gen/graphql'
import { rowsOf } from './csv'

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

type Told = { text: string; fault: null } | { text: null; fault: Fault }

/** The list as CSV, narrowed as it is shown. */
export function exported(
  owner: Owner,
  filter: { search?: string | null; reasons?: readonly SuppressionReason[]; since?: string | null },
): Promise<Told> {
  const query = asked(owner)
  if (filter.search) query.set('search', filter.search)
  if (filter.since) query.set('since', filter.since)
  for (const reason of filter.reasons ?? []) query.append('reason', reason.toLowerCase())
  return post(`/v1/suppressions/export?${query}`, null)
}

/** Puts everybody in a file on the list; `reason` is that of lines that name none. */
export async function imported(
  owner: Owner,
  reason: SuppressionReason,
  file: Blob,
): Promise<{ report: Report; fault: null } | { report: null; fault: Fault }> {
  const query = asked(owner)
  query.set('reason', reason.toLowerCase())
  const { text, fault } = await post(`/v1/suppressions/import?${query}`, file)
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

function asked({ accountId, forEverybody }: Owner): URLSearchParams {
  const query = new URLSearchParams()
  if (forEverybody) query.set('everybody', 'true')
  else if (accountId !== null) query.set('account', accountId)
  return query
}

async function post(address: string, body: Blob | null): Promise<Told> {
  const offline: Told = { text: null, fault: { kind: 'offline', message: null, next: null } }
  try {
    const answer = await fetch(address, {
      method: 'POST',
      credentials: 'same-origin',
      headers: { 'X-Requested-With': 'web', ...(body === null ? {} : { 'Content-Type': 'text/csv' }) },
      body,
    })
    const text = await answer.text()
    return answer.ok ? { text, fault: null } : { text: null, fault: refusal(text) }
  } catch {
    return offline
  }
}

/** What an answer that is no CSV says: the shape of a GraphQL error. */
function refusal(text: string): Fault {
  let told: { message?: string; extensions?: { code?: string; next?: string } } | undefined
  try {
    told = (JSON.parse(text) as { errors?: (typeof told)[] }).errors?.[0]
  } catch {
    told = undefined
  }
  if (told?.extensions?.code === 'UNAUTHENTICATED') signedOut()
  return { kind: 'refused', message: told?.message ?? null, next: told?.extensions?.next ?? null }
}
