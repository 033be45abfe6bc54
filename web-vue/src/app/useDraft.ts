// What stands in a form that stays open: what is kept, but for what somebody has written since.
import { ref, watch, type Ref } from 'vue'

export interface Draft<Fields> {
  /** What stands in the form. */
  fields: Ref<Fields>
  /** What stands in it at this moment, to be sent. */
  written: () => Fields
  /** Says that this was sent and kept: a field that still says so shows what the server made of it. */
  settle: (sent: Fields) => void
}

/**
 * Shows what `kept` gives (null: nothing yet), and what it gives anew in every field that nobody has written in meanwhile.
 * When `whose` gives something else, it begins afresh. For plain data only.
 */
export function useDraft<Fields extends object | null>(kept: () => Fields, whose: () => unknown): Draft<Fields> {
  let base = copied(kept())
  const fields = ref(copied(base)) as Ref<Fields>

  watch([kept, whose] as const, ([now, owner], [, before]) => {
    const draft = fields.value
    if (now === null || base === null || draft === null || owner !== before) {
      fields.value = copied(now)
    } else {
      merge(draft, base, now)
    }
    base = copied(now)
  })
  return { fields, written: () => copied(fields.value), settle: (sent) => (base = sent) }
}

/** Takes over what is kept in every field that still says what it said before. */
function merge<Form extends object>(draft: Form, before: Form, now: Form): void {
  for (const name of Object.keys(now) as (keyof Form)[]) {
    if (JSON.stringify(draft[name]) === JSON.stringify(before[name])) draft[name] = copied(now[name])
  }
}

function copied<Plain>(of: Plain): Plain {
  return JSON.parse(JSON.stringify(of)) as Plain
}
