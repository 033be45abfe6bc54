// How a form's fields learn that one of them was refused.
import type { InjectionKey, Ref } from 'vue'
import type { Refusal } from '@/app/useChange'

export interface Fields {
  refusal: Readonly<Ref<Refusal | null>>
  /** A field says that it shows what is wrong with it; the returned function takes that back. */
  shows: (name: string) => () => void
}

export const fields: InjectionKey<Fields> = Symbol('fields')
