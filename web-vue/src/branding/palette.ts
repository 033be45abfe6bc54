// Which eleven shades stand for a brand's one colour, readable on light and on dark.

/** Relative luminance of a colour given as linear RGB (WCAG 2.2). */
function luminance([red, green, blue]: Rgb): number {
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue
}

type Rgb = readonly [number, number, number]

interface Oklch {
  lightness: number
  chroma: number
  hue: number
}

const toLinear = (value: number) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4)
const toGamma = (value: number) => (value <= 0.0031308 ? value * 12.92 : 1.055 * value ** (1 / 2.4) - 0.055)

function readHex(hex: string): Rgb {
  const channel = (at: number) => toLinear(parseInt(hex.slice(at, at + 2), 16) / 255)
  return [channel(1), channel(3), channel(5)]
}

function writeHex(rgb: Rgb): string {
  const channel = (value: number) =>
    Math.round(toGamma(Math.min(1, Math.max(0, value))) * 255)
      .toString(16)
      .padStart(2, '0')
  return `#${rgb.map(channel).join('')}`
}

// Björn Ottosson's OKLab matrices.
function toOklch([red, green, blue]: Rgb): Oklch {
  const l = Math.cbrt(0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue)
  const m = Math.cbrt(0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue)
  const s = Math.cbrt(0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue)
  const a = 1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s
  const b = 0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s
  return {
    lightness: 0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
    chroma: Math.hypot(a, b),
    hue: Math.atan2(b, a),
  }
}

function fromOklch({ lightness, chroma, hue }: Oklch): Rgb {
  const a = chroma * Math.cos(hue)
  const b = chroma * Math.sin(hue)
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3
  return [
    4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
    -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
    -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s,
  ]
}

/** Contrast of two colours, each "#rrggbb": 1 to 21 (WCAG 2.2 §1.4.3). */
export function contrast(one: string, other: string): number {
  const [a, b] = [luminance(readHex(one)), luminance(readHex(other))]
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)
}

const lightnesses = { 50: 0.98, 100: 0.95, 200: 0.9, 300: 0.83, 500: 0.66, 700: 0.46, 800: 0.39, 900: 0.33, 950: 0.24 }
const readable = 4.6

/** Moves a colour's lightness by `step` until it can be read against `ground`. */
function readableOn(colour: Oklch, ground: string, step: number): string {
  let moved = colour
  let hex = writeHex(fromOklch(moved))
  while (contrast(hex, ground) < readable && moved.lightness > 0 && moved.lightness < 1) {
    moved = { ...moved, lightness: moved.lightness + step }
    hex = writeHex(fromOklch(moved))
  }
  return hex
}

/**
 * The shades 50 to 950 of a brand colour "#rrggbb".
 * 600 is the colour itself, darkened where white on it could not be read; 400 is lightened until it can be read on dark.
 */
export function shades(colour: string): Record<number, string> {
  const own = toOklch(readHex(colour))
  const made: Record<number, string> = {}
  for (const [shade, lightness] of Object.entries(lightnesses)) {
    const fade = lightness > 0.85 ? (1 - lightness) * 4 : 1
    made[Number(shade)] = writeHex(fromOklch({ ...own, lightness, chroma: own.chroma * fade }))
  }
  made[600] = readableOn(own, '#ffffff', -0.01)
  made[400] = readableOn({ ...own, lightness: Math.max(own.lightness, 0.72) }, '#212126', 0.01)
  return made
}
