// Which keys do what: single letters, and "g" followed by a letter, never while somebody types.
import { useEventListener } from '@vueuse/core'

/** How long "g" waits for its letter. */
const TOGETHER = 1_200

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName))
}

/** Keys as "d", "/" or "g d"; they hold while the component lives. Ctrl, Alt and Meta belong to the browser. */
export function useShortcuts(keys: Record<string, () => void>): void {
  let first = { key: '', at: 0 }
  useEventListener(window, 'keydown', (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.defaultPrevented || isTyping(event.target)) return
    if (document.querySelector('[role=dialog]') !== null) return
    const afterFirst = performance.now() - first.at < TOGETHER ? `${first.key} ${event.key}` : null
    first = { key: event.key, at: performance.now() }
    // The letter after "g" is spoken for, even where nothing answers to it.
    const isSecond = afterFirst !== null && afterFirst.startsWith('g ')
    const act = isSecond ? keys[afterFirst] : keys[event.key]
    if (act === undefined) return
    event.preventDefault()
    act()
  })
}
