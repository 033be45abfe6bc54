// Files in CSV, in and out: the API takes and gives them beside GraphQL.
import { signedOut, type Fault } from './client'

export type Told = { text: string; fault: null } | { text: null; fault: Fault }

/** Asks for a file, or hands one over; by POST, because a browser's GET does not say where it is from. */
export async function transfer(address: string, body: Blob | null = null): Promise<Told> {
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

/** An address with what is asked for; null, nothing and an empty list are not asked for. */
export function addressOf(path: string, query: Record<string, string | readonly string[] | null | undefined>): string {
  const asked = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) {
    for (const one of typeof value === 'string' ? [value] : (value ?? [])) if (one !== '') asked.append(name, one)
  }
  const text = asked.toString()
  return text === '' ? path : `${path}?${text}`
}

/** The rows of a CSV text (RFC 4180); quoted values may hold separators, quotes and line ends. */
export function rowsOf(text: string): string[][] {
  const rows: string[][] = []
  let row: string[] = []
  let value = ''
  let quoted = false
  const end = () => {
    row.push(value)
    value = ''
  }
  for (let at = 0; at < text.length; at += 1) {
    const letter = text[at]!
    if (quoted) {
      if (letter !== '"') value += letter
      else if (text[at + 1] === '"') {
        value += letter
        at += 1
      } else quoted = false
    } else if (letter === '"' && value === '') quoted = true
    else if (letter === ',') end()
    else if (letter === '\n' || letter === '\r') {
      if (letter === '\r' && text[at + 1] === '\n') at += 1
      end()
      rows.push(row)
      row = []
    } else value += letter
  }
  if (value !== '' || row.length > 0) {
    end()
    rows.push(row)
  }
  return rows
}

/** Hands a text to the browser as a file. Marked as UTF-8: spreadsheets guess otherwise, and guess wrongly. */
export function save(text: string, name: string): void {
  const address = URL.createObjectURL(new Blob(['\uFEFF', text], { type: 'text/csv' }))
  const link = document.createElement('a')
  link.href = address
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(address), 10_000)
}
