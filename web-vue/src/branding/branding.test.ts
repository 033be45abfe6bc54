// Does the page wear the brand the server wrote, and only what is safe of it?
import { describe, expect, it } from 'vitest'
import { readBrand } from './branding'

function pageWith(block: string): Document {
  const page = document.implementation.createHTMLDocument('')
  page.body.innerHTML = `<script type="application/json" id="branding">${block}</script>`
  Object.defineProperty(page, 'location', { value: { hostname: 'mail.acme.test' } })
  return page
}

describe('readBrand', () => {
  it('takes what the server wrote', () => {
    const block = JSON.stringify({
      name: 'Acme Mail',
      color: '#0F766E',
      logo: '/brand/logo.png',
      smtpHost: 'smtp.acme.test',
      signUp: true,
    })
    expect(readBrand(pageWith(block))).toEqual({
      name: 'Acme Mail',
      color: '#0f766e',
      logo: '/brand/logo.png',
      smtpHost: 'smtp.acme.test',
      signUp: true,
    })
  })

  it.each(['', '{', '{}', '[]'])('names the host when the block is %j', (block) => {
    expect(readBrand(pageWith(block))).toEqual({
      name: 'mail.acme.test',
      color: null,
      logo: null,
      smtpHost: null,
      signUp: false,
    })
  })

  it.each(['red', '#fff', '#0f766e;}', 'url(x)'])('refuses the colour %s', (color) => {
    expect(readBrand(pageWith(JSON.stringify({ name: 'A', color }))).color).toBeNull()
  })

  it.each(['https://evil.test/l.png', '//evil.test/l.png', 'javascript:alert(1)'])('refuses the logo %s', (logo) => {
    expect(readBrand(pageWith(JSON.stringify({ name: 'A', logo }))).logo).toBeNull()
  })
})
