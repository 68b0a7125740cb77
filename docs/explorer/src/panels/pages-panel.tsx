/**
 * The buffer pool beside the disk, a page a row, so that the eye sees what a crash would take away: what
 * differs from the disk is marked in the pool.
 */
import { useState } from 'preact/hooks'
import type { Changes, EngineState, PageRow, PageView } from '../session/types.ts'
import { lsnText } from './lsn-text.ts'
import { ChangedMark, Empty, litClass, Panel } from './panel.tsx'

interface PagesPanelProps {
  readonly state: EngineState
  readonly changed: Changes
}

/** Pages by which the engine keeps its own accounts: of less interest than tables, and there is at least one of each. */
const isOwnPage = ({ label }: PageView): boolean => /^(meta|space map|free|catalog|.* of the catalog)/.test(label)

export function PagesPanel({ state, changed }: PagesPanelProps) {
  const [isShowingOwn, setIsShowingOwn] = useState(false)
  const all = pagesOf(state)
  const own = all.filter(({ pool, disk }) => isOwnPage((pool ?? disk) as PageView))
  const shown = isShowingOwn ? all : all.filter((pair) => !own.includes(pair))
  return (
    <Panel
      id="pages"
      title="Pages"
      aside={
        own.length > 0 && (
          <label>
            <input
              type="checkbox"
              checked={isShowingOwn}
              onChange={(event) => setIsShowingOwn(event.currentTarget.checked)}
            />{' '}
            system pages ({own.length})
          </label>
        )
      }
    >
      {all.length === 0 ? (
        <Empty>No page yet.</Empty>
      ) : (
        <table class="pages">
          <thead>
            <tr>
              <th scope="col">page</th>
              <th scope="col">
                buffer pool <span class="place place-memory">in memory</span>
              </th>
              <th scope="col">
                disk <span class="place place-disk">survives</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {shown.map(({ pageId, pool, disk }) => (
              <tr key={pageId} data-page={(pool ?? disk)?.page}>
                <th scope="row">
                  {(pool ?? disk)?.page}
                  <span class="page-label">{(pool ?? disk)?.label}</span>
                </th>
                <PageCell page={pool} other={disk} isChanged={changed.pool.includes(pageId)} absent="not in the pool" />
                <PageCell page={disk} isChanged={changed.disk.includes(pageId)} absent="never written" />
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Panel>
  )
}

interface PagePair {
  readonly pageId: number
  readonly pool: PageView | undefined
  readonly disk: PageView | undefined
}

/** Every page that is anywhere, by number. */
function pagesOf({ pool, disk }: EngineState): PagePair[] {
  const ids = [...new Set([...pool, ...disk].map(({ pageId }) => pageId))].sort((a, b) => a - b)
  return ids.map((pageId) => ({
    pageId,
    pool: pool.find((page) => page.pageId === pageId),
    disk: disk.find((page) => page.pageId === pageId),
  }))
}

interface PageCellProps {
  readonly page: PageView | undefined
  /** What it is compared with. */
  readonly other?: PageView | undefined
  readonly isChanged: boolean
  readonly absent: string
}

function PageCell({ page, other, isChanged, absent }: PageCellProps) {
  if (page === undefined) {
    return (
      <td class={`page-absent ${litClass(isChanged)}`}>
        <ChangedMark isChanged={isChanged} />
        {absent}
      </td>
    )
  }
  return (
    <td class={litClass(isChanged)}>
      <div class="page-head">
        <ChangedMark isChanged={isChanged} />
        <span class="page-lsn">pageLSN {lsnText(page.pageLsn)}</span>
        {page.isDirty && <span class="tag tag-dirty">dirty</span>}
        {page.isUnsynced && <span class="tag tag-unsynced">not synced</span>}
        {page.isDamaged && <span class="tag tag-damaged">torn: checksum fails</span>}
      </div>
      {page.rows.length > 0 && (
        <ul class="page-rows">
          {page.rows.map((row) => (
            <PageRowItem key={row.key} row={row} isNew={page.isDirty === true && differs(row, other)} />
          ))}
        </ul>
      )}
    </td>
  )
}

const differs = (row: PageRow, other: PageView | undefined): boolean => {
  const there = other?.rows.find(({ key }) => key === row.key)
  return there?.value !== row.value || there.note !== row.note
}

function PageRowItem({ row, isNew }: { readonly row: PageRow; readonly isNew: boolean }) {
  return (
    <li class={isNew ? 'differs' : ''}>
      <span class="row-key">{row.key}</span>{' '}
      <span class="row-value" title={row.value}>
        {row.value}
      </span>
      {row.note !== undefined && <span class="row-note"> {row.note}</span>}
      {isNew && <span class="only-read"> (not so on disk)</span>}
    </li>
  )
}
