/**
 * Pending actions: what a transaction wants done once it has committed, because its rollback would
 * need what is freed (Mohan et al., TODS 1992, section 5.3). The payload of a PENDING record:
 *
 * | OFFSET | SIZE | FIELD                                                      |
 * |--------|------|------------------------------------------------------------|
 * | 0      | 1    | kind, see `PendingKind`                                    |
 * | 1      | 4    | pageId: head of the chain, or root of the tree             |
 * | 5      | 8    | id: chainId or treeId, so that a page that serves something else by now is left alone |
 */
import { getU53, setU53 } from '../common/bytes.ts'
import { asPageId, type PageId } from '../common/ids.ts'

/** Numbers are on disk. */
export const PendingKind = { FREE_CHAIN: 1, FREE_TREE: 2 } as const

export interface PendingAction {
  readonly kind: number
  readonly pageId: PageId
  readonly id: number
}

const PENDING_BYTES = 13

export function encodePending(action: PendingAction): Uint8Array {
  const bytes = new Uint8Array(PENDING_BYTES)
  const view = new DataView(bytes.buffer)
  view.setUint8(0, action.kind)
  view.setUint32(1, action.pageId, true)
  setU53(view, 5, action.id)
  return bytes
}

export function decodePending(payload: Uint8Array): PendingAction {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength)
  return { kind: view.getUint8(0), pageId: asPageId(view.getUint32(1, true)), id: getU53(view, 5) }
}
