// Which link was followed, and with what: the visit behind a step of the timeline, in few words.
import type { TimelineQuery } from '@/graphql/gen/graphql'

type Told = NonNullable<TimelineQuery['recipient']>
type Step = Pick<Told['timeline'][number], 'id' | 'kind' | 'at' | 'machine'>
export type Visit = Pick<Told['visits'][number], 'kind' | 'at' | 'target' | 'machine' | 'agent' | 'system'>

const LONGEST = 60

/** The visits by the ids of their steps. A visit and its fact are recorded together: of one kind and one moment. */
export function visitsOf(timeline: readonly Step[], visits: readonly Visit[]): Map<string, Visit> {
  const key = (kind: string, at: string, machine: boolean) => `${kind} ${at} ${machine}`
  const waiting = new Map<string, Visit[]>()
  for (const visit of visits) {
    const of = key(visit.kind, visit.at, visit.machine != null)
    waiting.set(of, [...(waiting.get(of) ?? []), visit])
  }
  const found = new Map<string, Visit>()
  for (const step of timeline) {
    const visit = waiting.get(key(step.kind, step.at, step.machine))?.shift()
    if (visit !== undefined) found.set(step.id, visit)
  }
  return found
}

/** An address of a bearable length: what is left out is its middle, for its host and its end tell most. */
export function shortened(address: string, longest = LONGEST): string {
  const letters = Array.from(address)
  if (letters.length <= longest) return address
  const head = Math.ceil((longest - 1) / 2)
  return [...letters.slice(0, head), '…', ...letters.slice(letters.length - (longest - 1 - head))].join('')
}
