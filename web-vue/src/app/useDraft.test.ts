// Is what somebody writes while a form is being saved still there afterwards?
import { describe, expect, it } from 'vitest'
import { nextTick, ref } from 'vue'
import { useDraft } from './useDraft'

interface Fields {
  name: string
  html: string
  turned: { opens: boolean; clicks: boolean }
}
const first = (): Fields => ({ name: 'News', html: '<p>a</p>', turned: { opens: false, clicks: false } })

function form() {
  const kept = ref<Fields>(first())
  const whose = ref('shop')
  return {
    kept,
    whose,
    ...useDraft(
      () => kept.value,
      () => whose.value,
    ),
  }
}

describe('a draft', () => {
  it('shows what is kept, and what is kept anew', async () => {
    const { kept, fields } = form()
    expect(fields.value).toEqual(first())
    kept.value = { ...first(), name: 'Notes' }
    await nextTick()
    expect(fields.value.name).toBe('Notes')
  })

  it('keeps what was written while something else was kept', async () => {
    const { kept, fields } = form()
    fields.value.name = 'Mine'
    fields.value.turned.opens = true
    kept.value = { ...first(), name: 'Theirs', html: '<p>b</p>' }
    await nextTick()
    expect(fields.value).toEqual({ name: 'Mine', html: '<p>b</p>', turned: { opens: true, clicks: false } })
  })

  it('shows what the server made of what was sent, but where somebody wrote on', async () => {
    const { kept, fields, written, settle } = form()
    fields.value.name = 'Mine'
    fields.value.html = '<p>b<script></script></p>'
    const sent = written()
    fields.value.name = 'Mine, and more'
    settle(sent)
    kept.value = { ...first(), name: 'Mine', html: '<p>b</p>' }
    await nextTick()
    expect(fields.value.name).toBe('Mine, and more')
    expect(fields.value.html).toBe('<p>b</p>')
    expect(sent.name).toBe('Mine')
  })

  it('begins afresh with another one', async () => {
    const { kept, whose, fields } = form()
    fields.value.name = 'Mine'
    whose.value = 'cafe'
    kept.value = { ...first(), name: 'Café' }
    await nextTick()
    expect(fields.value.name).toBe('Café')
  })

  it('waits for what is not there yet', async () => {
    const kept = ref<{ name: string } | null>(null)
    const { fields } = useDraft(
      () => (kept.value === null ? null : { name: kept.value.name }),
      () => 'shop',
    )
    expect(fields.value).toBeNull()
    kept.value = { name: 'News' }
    await nextTick()
    expect(fields.value).toEqual({ name: 'News' })
  })
})
