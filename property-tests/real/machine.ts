/**
 * What this machine lets us do: programs that are there or come with a package, and mounting, which
 * only root can do, on Linux. What is missing makes a case `Unavailable`, and nothing else fails.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { accessSync, constants, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { INTERRUPTED } from './command.ts'

/** Where programs for root are, when the path of an ordinary user leaves them out. */
const MORE_PLACES = ['/usr/sbin', '/sbin']

/** The Debian package of each program that is needed. */
const PACKAGES = {
  cc: 'gcc',
  losetup: 'mount',
  mount: 'mount',
  'mkfs.ext4': 'e2fsprogs',
  'mkfs.xfs': 'xfsprogs',
  xfs_io: 'xfsprogs',
  nbdkit: 'nbdkit',
  nbdfuse: 'libnbd-bin',
} as const

export type Program = keyof typeof PACKAGES

/** What a case needs besides Linux. */
export interface Needs {
  readonly root: boolean
  readonly programs: readonly Program[]
}

/** A case cannot be run on this machine, for the reason in the message. */
export class Unavailable extends Error {}

const places = [...(process.env['PATH'] ?? '').split(':'), ...MORE_PLACES]

function isThere(program: Program): boolean {
  return places.some((place) => {
    try {
      accessSync(join(place, program), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

export const isRoot = process.getuid?.() === 0

/** What is missing, in words; undefined when nothing is. */
export function missing({ root, programs }: Needs): string | undefined {
  if (process.platform !== 'linux') return 'needs Linux'
  if (root && !isRoot) return 'needs root'
  const packages = new Set(programs.filter((program) => !isThere(program)).map((program) => PACKAGES[program]))
  return packages.size === 0 ? undefined : `needs ${[...packages].join(' ')}`
}

const env = { ...process.env, PATH: places.join(':') }

/** Starts a program that serves until it is told to end; a Ctrl-C in the terminal is not meant for it. */
export function start(program: Program, ...parameters: readonly string[]): ChildProcess {
  return spawn(program, parameters, { stdio: 'ignore', env, detached: true })
}

export function isMounted(directory: string): boolean {
  return readFileSync('/proc/mounts', 'utf8').includes(` ${directory} `)
}

/** Runs a program to its end; returns what it printed. @throws when it fails */
export function run(program: string, ...parameters: readonly string[]): string {
  const { status, signal, stdout, stderr, error } = spawnSync(program, parameters, { encoding: 'utf8', env })
  if (error !== undefined) throw error
  if (signal === 'SIGINT') process.exit(INTERRUPTED)
  if (status !== 0) throw new Error(`${[program, ...parameters].join(' ')}: ${stderr.trim()}`)
  return stdout.trim()
}
