// The secret of a mailed link stands after the # of its address, which browsers send to nobody.
import { useRoute } from 'vue-router'

export function useLinkToken(): string {
  return useRoute().hash.slice(1)
}
