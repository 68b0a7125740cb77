/** Records as the queues of redo get them, and what is left of them when they are compared. */
import { asLsn, asPageId } from '../../src/common/ids.ts'
import { LogRecordView } from '../../src/log/log-record.ts'

export interface Seen {
  readonly lsn: number
  readonly pageId: number
  readonly payload: readonly number[]
}

/** A record of `pageId`, in the middle of a block as in the log. */
export function recordOf({ lsn, pageId, payload }: Seen): LogRecordView {
  const bytes = new Uint8Array(64 + payload.length + 32)
  const view = new DataView(bytes.buffer)
  view.setUint32(64, 32 + payload.length, true)
  view.setUint8(64 + 8, 2)
  view.setUint32(64 + 12, pageId, true)
  bytes.set(payload, 64 + 32)
  return new LogRecordView().set(bytes, view, 64, asLsn(lsn))
}

export const seenOf = ({ lsn, pageId, bytes, payloadStart, payloadEnd }: LogRecordView): Seen => ({
  lsn,
  pageId: asPageId(pageId),
  payload: [...bytes.subarray(payloadStart, payloadEnd)],
})
