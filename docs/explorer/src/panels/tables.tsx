/** The two tables of ARIES, and the locks while somebody waits for one. */
import type { Changes, EngineState, LockRow } from '../session/types.ts'
import { lsnText } from './lsn-text.ts'
import { ChangedMark, Empty, litClass, Panel, TransactionName } from './panel.tsx'

interface TableProps {
  readonly state: EngineState
  readonly changed: Changes
}

export function TransactionTable({ state, changed }: TableProps) {
  const { transactions } = state
  return (
    <Panel id="transactions" title="Transaction table" place="memory">
      {transactions.length === 0 ? (
        <Empty>No transaction.</Empty>
      ) : (
        <table>
          <thead>
            <tr>
              <th scope="col">txn</th>
              <th scope="col">status</th>
              <th scope="col" class="number">
                lastLSN
              </th>
              <th scope="col" class="number">
                undoNextLSN
              </th>
            </tr>
          </thead>
          <tbody>
            {transactions.map(({ txnId, name, status, lastLsn, undoNextLsn }) => (
              <tr key={txnId} class={litClass(changed.transactions.includes(txnId))}>
                <th scope="row">
                  <ChangedMark isChanged={changed.transactions.includes(txnId)} />
                  <TransactionName txnId={txnId} txn={name} />
                </th>
                <td>{status}</td>
                <td class="number">{lsnText(lastLsn)}</td>
                <td class="number">{lsnText(undoNextLsn)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Panel>
  )
}

export function DirtyPageTable({ state, changed }: TableProps) {
  const { dirtyPages } = state
  return (
    <Panel id="dirty-pages" title="Dirty page table" place="memory">
      {dirtyPages.length === 0 ? (
        <Empty>No page is dirty.</Empty>
      ) : (
        <table>
          <thead>
            <tr>
              <th scope="col">page</th>
              <th scope="col" class="number">
                recLSN
              </th>
            </tr>
          </thead>
          <tbody>
            {dirtyPages.map(({ pageId, page, recLsn }) => (
              <tr key={pageId} class={litClass(changed.dirtyPages.includes(pageId))}>
                <th scope="row">
                  <ChangedMark isChanged={changed.dirtyPages.includes(pageId)} />
                  {page}
                </th>
                <td class="number">{lsnText(recLsn)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Panel>
  )
}

/** So many are shown; those who wait come first. */
const LOCKS_SHOWN = 8

export function LocksPanel({ locks }: { readonly locks: readonly LockRow[] }) {
  if (!locks.some(({ isWaiting }) => isWaiting)) return null
  const waitingFirst = [...locks].sort((a, b) => Number(b.isWaiting) - Number(a.isWaiting))
  const more = locks.length - LOCKS_SHOWN
  return (
    <Panel id="locks" title="Locks" place="memory">
      <table>
        <thead>
          <tr>
            <th scope="col">txn</th>
            <th scope="col">mode</th>
            <th scope="col">on</th>
          </tr>
        </thead>
        <tbody>
          {waitingFirst.slice(0, LOCKS_SHOWN).map(({ txnId, txn, mode, key, isWaiting }) => (
            <tr key={`${txnId} ${key} ${mode} ${isWaiting}`} class={isWaiting ? 'waiting' : ''}>
              <th scope="row">
                <TransactionName txnId={txnId} txn={txn} />
              </th>
              <td>{mode}</td>
              <td>
                {key}
                {isWaiting && <strong> (waits)</strong>}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {more > 0 && <Empty>… and {more} more.</Empty>}
    </Panel>
  )
}
