// Writes typed operations (src/graphql/gen) from api/schema.graphql and every .graphql file under src.
// The codegen command line needs a newer Node than we ask for; its core and its preset do not.
import { mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { preset } from '@graphql-codegen/client-preset'
import { codegen } from '@graphql-codegen/core'
import { buildSchema, parse, validate } from 'graphql'

const root = fileURLToPath(new URL('..', import.meta.url))
const target = join(root, 'src/graphql/gen/')
const sdl = await readFile(process.env.SCHEMA ?? join(root, '../api/schema.graphql'), 'utf8')

const documents = []
for (const entry of await readdir(join(root, 'src'), { recursive: true })) {
  if (!entry.endsWith('.graphql')) continue
  const location = join(root, 'src', entry)
  const rawSDL = await readFile(location, 'utf8')
  documents.push({ location, rawSDL, document: parse(rawSDL) })
}
documents.sort((a, b) => a.location.localeCompare(b.location))

const schema = buildSchema(sdl)
const whole = { kind: 'Document', definitions: documents.flatMap((one) => one.document.definitions) }
const faults = validate(schema, whole)
if (faults.length > 0) {
  for (const fault of faults) console.error(`codegen: ${fault.message}`)
  console.error('codegen: the .graphql files under src ask for what api/schema.graphql does not have')
  process.exit(1)
}

const sections = await preset.buildGeneratesSection({
  baseOutputDir: target,
  schema: parse(sdl),
  schemaAst: schema,
  documents,
  config: {
    useTypeImports: true,
    strictScalars: true,
    enumsAsTypes: true,
    skipTypename: true,
    // Counts arrive as JSON numbers and stay exact up to 2^53.
    scalars: { DateTime: 'string', Date: 'string', BigInt: 'number' },
  },
  presetConfig: { fragmentMasking: false },
  plugins: [],
  pluginMap: {},
  pluginContext: {},
})
await rm(target, { recursive: true, force: true })
for (const section of sections) {
  await mkdir(dirname(section.filename), { recursive: true })
  await writeFile(section.filename, await codegen(section))
}
