// Filters that stand in the address: they can be sent to a colleague, and a reload keeps them.
import { computed, type WritableComputedRef } from 'vue'
import { useRoute, useRouter } from 'vue-router'

/** Where a filter is written: "push" lets "back" undo it, "replace" is for what is typed. */
type Way = 'push' | 'replace'

export function useKept() {
  const route = useRoute()
  const router = useRouter()
  const page = route.name
  return {
    /** A parameter of the address; `none` is written as nothing. */
    kept: (name: string, none: string, way: Way = 'push'): WritableComputedRef<string> =>
      computed({
        get: () => (typeof route.query[name] === 'string' ? route.query[name] : none),
        set: (value) => {
          const query = { ...route.query, [name]: value === none ? undefined : value }
          void (way === 'push' ? router.push({ query }) : router.replace({ query }))
        },
      }),
    /** Whether the page is still the one that shows: the address of the next one is not its own. */
    here: () => route.name === page,
  }
}
