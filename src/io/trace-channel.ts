/**
 * The channel on which the trace of every open database is published, where the host is Node: `aries-db:trace` of
 * `node:diagnostics_channel`. The module is asked for and not imported, so a browser, which has none, is none the
 * worse.
 */
import type { TraceChannel } from '../common/tracer.ts'

const TRACE_CHANNEL_NAME = 'aries-db:trace'

/** Undefined where the host has no such channels. */
export const traceChannel: TraceChannel | undefined = globalThis.process
  ?.getBuiltinModule?.('node:diagnostics_channel')
  ?.channel(TRACE_CHANNEL_NAME)
