/**
 * `npm run histories`: a campaign of random histories at every isolation level, with a table of what was
 * checked and of the anomalies that the levels allow.
 *
 *   npm run histories -- --minutes 10 --seed 1 --only snapshot,serializable
 *
 * A failure says how the property repeats it: put `ARIES_SEED` and `ARIES_PATH` before
 * `npx vitest run --config test/vitest.config.ts property-tests/history.property.test.ts -t '<levels>'`.
 */
import Table from 'cli-table3'
import { Command, InvalidArgumentError } from 'commander'
import { checkHistories } from './campaign.ts'
import { Figures } from './figures.ts'
import { MIX_NAMES, type Mix } from './levels.ts'

/** Histories of one mix before the next one has its turn. */
const BATCH = 100

interface Options {
  readonly minutes: number
  readonly seed: number
  readonly only: readonly Mix[]
}

const positive = (text: string): number => {
  const value = Number(text)
  if (!(value > 0)) throw new InvalidArgumentError('It has to be a number above 0.')
  return value
}

const mixes = (text: string): Mix[] =>
  text.split(',').map((name) => {
    const mix = MIX_NAMES.find((each) => each === name)
    if (mix === undefined) throw new InvalidArgumentError(`It has to be of ${MIX_NAMES.join(', ')}.`)
    return mix
  })

const program = new Command('histories')
  .description('Runs random transactions side by side, with crashes, and checks their histories for anomalies.')
  .option('--minutes <n>', 'how long', positive, 1)
  .option('--seed <n>', 'what is drawn follows from it', positive, 1)
  .option('--only <names>', 'these levels, with commas between', mixes, MIX_NAMES)
  .addHelpText('after', '\nExits with 0 when no history had an anomaly that its levels forbid, 1 when one had.')

function tableOf(figures: ReadonlyMap<Mix, Figures>): string {
  const table = new Table({
    head: ['transactions', 'histories', 'begun', 'committed', 'ww', 'wr', 'rw', 'rt', 'forbidden', 'allowed anomalies'],
    colWidths: [null, null, null, null, null, null, null, null, null, 40],
    wordWrap: true,
    style: { head: [], border: [], compact: true },
  })
  for (const [mix, { histories, transactions, committed, edges, anomalies }] of figures) {
    const { ww, wr, rw, rt } = edges
    const counted = [...anomalies].sort((a, b) => b[1] - a[1]).map(([name, count]) => `${name} ${count}`)
    table.push([mix, histories, transactions, committed, ww, wr, rw, rt, 0, counted.join(', ') || 'none'])
  }
  return table.toString()
}

async function run({ minutes, seed, only }: Options): Promise<number> {
  const figures = new Map(only.map((mix) => [mix, new Figures()]))
  const endMs = performance.now() + minutes * 60_000
  for (let batch = 0; performance.now() < endMs; batch++) {
    for (const [mix, ofMix] of figures) {
      try {
        await checkHistories(mix, { numRuns: BATCH, seed: seed + batch }, ofMix)
      } catch (error) {
        console.error(`${mix}: ${(error as Error).message}`)
        return 1
      }
    }
  }
  console.log(tableOf(figures))
  return 0
}

process.exitCode = await run(program.parse().opts<Options>())
