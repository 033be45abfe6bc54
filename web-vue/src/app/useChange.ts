// How a form or a button asks for a change: what is under way, and why it was refused.
import type { AnyVariables, TypedDocumentNode } from '@urql/core'
import { ref, shallowRef, type Ref, type ShallowRef } from 'vue'
import { useI18n } from 'vue-i18n'
import { change } from './client'

/** Why a change was not made. */
export interface Refusal {
  code: string
  message: string
  /** What to do next. */
  next: string | null
  /** The input field at fault, as "name" or "member.email"; null where it is no single one. */
  field: string | null
}

interface Problem {
  __typename: 'Problem'
  code: string
  message: string
  next?: string | null
  field?: string[] | null
}

/** What a mutation answers when it is not refused. */
export type Granted<Data> = Exclude<Data[Exclude<keyof Data, '__typename'>], { __typename: 'Problem' }>

export interface Change {
  busy: Readonly<Ref<boolean>>
  refusal: Readonly<ShallowRef<Refusal | null>>
  /** Sends a mutation of one field once; null where it was refused or is already under way. */
  send: <Data extends object, Variables extends AnyVariables>(
    document: TypedDocumentNode<Data, Variables>,
    variables: Variables,
  ) => Promise<Granted<Data> | null>
  /** Says, before the server is asked, what is wrong with a field. */
  refuse: (field: string, message: string) => void
  /** Forgets an old refusal: the form is opened again. */
  clear: () => void
}

/** The path of a field without the wrapping that only the API knows. */
export function fieldOf(path: readonly string[] | null | undefined): string | null {
  const own = path?.[0] === 'input' ? path.slice(1) : (path ?? [])
  return own.length === 0 ? null : own.join('.')
}

export function useChange(): Change {
  const { t } = useI18n()
  const busy = ref(false)
  const refusal = shallowRef<Refusal | null>(null)

  return {
    busy,
    refusal,
    refuse: (field, message) => (refusal.value = { code: 'INVALID', message, next: null, field }),
    clear: () => (refusal.value = null),
    async send(document, variables) {
      if (busy.value) return null
      busy.value = true
      refusal.value = null
      const { data, fault } = await change(document, variables)
      busy.value = false
      if (fault !== null) {
        const offline = fault.kind === 'offline'
        refusal.value = {
          code: offline ? 'OFFLINE' : 'FAULT',
          message: fault.message ?? t(offline ? 'fault.offline' : 'fault.broken'),
          next: fault.next ?? t(offline ? 'fault.offlineNext' : 'fault.brokenNext'),
          field: null,
        }
        return null
      }
      const answer = Object.values(data)[0] as Problem | object
      if (isProblem(answer)) {
        const { code, message, next, field } = answer
        refusal.value = { code, message, next: next ?? null, field: fieldOf(field) }
        return null
      }
      return answer as never
    },
  }
}

function isProblem(answer: unknown): answer is Problem {
  return typeof answer === 'object' && answer !== null && '__typename' in answer && answer.__typename === 'Problem'
}
