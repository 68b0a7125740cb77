/** The B+trees that have more than one page: each node with its page and its keys, children below. */
import type { Changes, TreeNode, TreeView } from '../session/types.ts'
import { ChangedMark, litClass, Panel } from './panel.tsx'

interface TreePanelProps {
  readonly trees: readonly TreeView[]
  readonly changed: Changes
}

export function TreePanel({ trees: all, changed }: TreePanelProps) {
  const trees = all.filter(({ root }) => root.children.length > 0)
  if (trees.length === 0) return null
  return (
    <Panel id="trees" title={trees.length === 1 ? `B+tree of ${trees[0]?.table}` : 'B+trees'}>
      {trees.map(({ table, root }) => (
        <div key={table} class="tree">
          {trees.length > 1 && <h3>{table}</h3>}
          <ul>
            <Node node={root} changed={changed} />
          </ul>
        </div>
      ))}
    </Panel>
  )
}

/** So many keys are shown of a node; of more, the first and the last. */
const KEYS_SHOWN = 6

function Node({ node, changed }: { readonly node: TreeNode; readonly changed: Changes }) {
  const isChanged = changed.pool.includes(node.pageId)
  return (
    <li>
      <div class={`node ${litClass(isChanged)}`}>
        <span class="node-page">
          <ChangedMark isChanged={isChanged} />
          page {node.page}
        </span>
        <span class="node-keys">{keysText(node.keys)}</span>
      </div>
      {node.children.length > 0 && (
        <ul>
          {node.children.map((child) => (
            <Node key={child.pageId} node={child} changed={changed} />
          ))}
        </ul>
      )}
    </li>
  )
}

function keysText(keys: readonly string[]): string {
  if (keys.length === 0) return 'no keys'
  if (keys.length <= KEYS_SHOWN) return keys.join(' ')
  return `${keys.slice(0, KEYS_SHOWN - 2).join(' ')} … ${keys.at(-1)} (${keys.length} keys)`
}
