// Fails when a page weighs more than its budget (kB of gzip, summed over what a page loads before it shows).
import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'

const dist = fileURLToPath(new URL('../dist/', import.meta.url))
const manifest = JSON.parse(await readFile(join(dist, '.vite/manifest.json'), 'utf8'))
const weigh = async (file) => gzipSync(await readFile(join(dist, file)), { level: 9 }).length / 1000

/** The files of an entry and of all it imports statically. */
function closure(key, seen = new Set()) {
  if (seen.has(key)) return seen
  seen.add(key)
  for (const next of manifest[key].imports ?? []) closure(next, seen)
  return seen
}

/** The weight of several manifest keys together, each file once. */
async function together(keys) {
  const all = new Set()
  for (const key of keys) closure(key, all)
  let sum = 0
  for (const key of all) sum += await weigh(manifest[key].file)
  return sum
}

const entry = 'index.html'
const shell = 'src/app/AppShell.vue'
const chart = 'src/ui/SeriesChart.vue'
const pages = Object.keys(manifest).filter((key) => /^src\/features\/.+Page\.vue$/.test(key))
const budgets = [['one locale', await weigh(manifest['src/locales/en.json'].file), 25]]
for (const page of pages) {
  const bare = page.includes('/auth/')
  budgets.push([page, await together(bare ? [entry, page] : [entry, shell, page]), bare ? 180 : 340])
}
budgets.push([
  'dashboard with chart',
  await together([entry, shell, 'src/features/dashboard/DashboardPage.vue', chart]),
  360,
])
const own = [...closure(chart)].filter((key) => !closure(entry).has(key))
let chartOnly = 0
for (const key of own) chartOnly += await weigh(manifest[key].file)
budgets.push(['chart alone', chartOnly, 75])
let css = 0
for (const file of await readdir(join(dist, 'assets'))) if (file.endsWith('.css')) css += await weigh(`assets/${file}`)
budgets.push(['all style sheets', css, 35])

let over = 0
for (const [what, weight, limit] of budgets) {
  const verdict = weight <= limit ? 'ok' : 'OVER BUDGET'
  if (weight > limit) over += 1
  console.log(
    `budget: ${what.padEnd(44)} ${weight.toFixed(1).padStart(6)} of ${String(limit).padStart(3)} kB ${verdict}`,
  )
}
if (over > 0) process.exit(1)
