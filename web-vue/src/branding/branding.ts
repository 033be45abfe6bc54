// Whose product this is: the brand that the server wrote into the page for this host.
import { shades } from './palette'

export interface Brand {
  /** The name people know; never ours unless the server says so. */
  name: string
  /** "#rrggbb", or null for the house colour. */
  color: string | null
  /** Address of the logo on this host, or null. */
  logo: string | null
  /** The SMTP host that this brand's customers use, or null. */
  smtpHost: string | null
  /** Strangers may ask for an account here. */
  signUp: boolean
}

/** The colour of those who chose none. */
const houseColour = '#0f766e'

const colour = /^#[0-9a-f]{6}$/i
const ownAddress = /^\/(?!\/)/

/** Reads the brand block of a page. What is missing or malformed is left out, never guessed. */
export function readBrand(page: Document): Brand {
  let told: Record<string, unknown> = {}
  try {
    told = JSON.parse(page.getElementById('branding')?.textContent ?? '{}') as Record<string, unknown>
  } catch {
    // A broken block costs the looks, not the page.
  }
  const text = (key: string) => (typeof told[key] === 'string' && told[key] !== '' ? (told[key] as string) : null)
  const color = text('color')
  const logo = text('logo')
  return {
    name: text('name') ?? page.location.hostname,
    color: color !== null && colour.test(color) ? color.toLowerCase() : null,
    logo: logo !== null && ownAddress.test(logo) ? logo : null,
    smtpHost: text('smtpHost'),
    signUp: told.signUp === true,
  }
}

export const brand: Brand = readBrand(document)

/** Paints a page in its brand: colours, tab icon and title. */
export function applyBrand(page: Document): void {
  for (const [shade, value] of Object.entries(shades(brand.color ?? houseColour))) {
    page.documentElement.style.setProperty(`--ui-color-primary-${shade}`, value)
  }
  page.title = brand.name
  page.querySelector('link[rel=icon]')?.setAttribute('href', brand.logo ?? letterIcon(brand))
}

/** A tab icon with the brand's first letter on its colour. */
function letterIcon({ name, color }: Brand): string {
  const letter = [...name][0]?.toUpperCase().replace(/[<&]/, '') ?? ''
  const fill = shades(color ?? houseColour)[600]
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="8" fill="${fill}"/><text x="16" y="22" font-family="system-ui,sans-serif" font-size="18" font-weight="700" text-anchor="middle" fill="#fff">${letter}</text></svg>`
  return `data:image/svg+xml,${encodeURIComponent(svg)}`
}
