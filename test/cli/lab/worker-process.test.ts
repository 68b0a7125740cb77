/** The worker that judges: a case that never ends, or that ends the process, costs itself and not the others. */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { judgeInWorker } from '../../../src/cli/lab/check/worker-process.ts'
import { makeFolderWith } from './folders.ts'

/** A program that does what the names of its cases say. */
const PROGRAM = `
const { cases } = JSON.parse(process.argv[3])
process.send({ kind: 'alive' })
for (const id of cases) {
  if (id.startsWith('hang')) for (;;);
  if (id.startsWith('die')) throw new Error('out of memory, say')
  if (id.startsWith('refuse')) {
    console.error('aries: nothing can be judged here')
    process.exit(3)
  }
  console.log('printed by ' + id)
  process.send({ kind: 'alive' })
  process.send({ kind: 'done', id, complaints: id.startsWith('wrong') ? ['wrong'] : [] })
}
process.disconnect()
`

async function judged(...ids: string[]) {
  const program = join(makeFolderWith({ 'program.mjs': PROGRAM }), 'program.mjs')
  const cases = ids.map((id) => ({ id, part: id.split(' ')[1] ?? 'a', title: '' }))
  const told: string[] = []
  const job = { lab: '', directory: '', data: '' }
  const outcomes = await judgeInWorker(program, job, cases, ({ id }) => void told.push(id), 1000)
  expect(told).toEqual(ids)
  return outcomes.map(({ complaints }) => complaints[0])
}

const ENDLESS = 'it never ends: something is waited for, or looped over, for ever'
const NOT_TRIED = 'not tried, because others of this part do not end'

test('a case that never ends, and one that ends the process, are wrong; what follows is judged', async () => {
  expect(await judged('right', 'hang', 'wrong', 'die', 'right again')).toEqual([
    undefined,
    ENDLESS,
    'wrong',
    expect.stringMatching(/^it ends the process: /),
    undefined,
  ])
})

test('after three of a part that do not end, the others of the part are not waited for', async () => {
  const ids = ['hang1 a', 'hang2 a', 'hang3 a', 'right a', 'hang4 a', 'right b']
  expect(await judged(...ids)).toEqual([ENDLESS, ENDLESS, ENDLESS, NOT_TRIED, NOT_TRIED, undefined])
})

test('a worker that cannot begin is an error', async () => {
  await expect(judged('refuse')).rejects.toThrow('nothing can be judged here')
})
