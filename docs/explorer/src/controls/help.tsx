/** What the keys do, and how the picture is to be read. */
import { Dialog } from './dialog.tsx'
import { SHORTCUTS } from './shortcuts.ts'

interface HelpProps {
  readonly areLettersOn: boolean
  readonly onLetters: (areOn: boolean) => void
  readonly onClose: () => void
}

export function Help({ areLettersOn, onLetters, onClose }: HelpProps) {
  return (
    <Dialog title="Help" onClose={onClose}>
      <p>
        This page runs the database engine itself, on a simulated disk in your browser. Every step shows what the engine
        has in memory and on disk at that moment; nothing here is acted out.
      </p>
      <h3>Keys</h3>
      <dl class="keys">
        {SHORTCUTS.map(({ keys, text }) => (
          <div key={text}>
            <dt>
              {keys.map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dt>
            <dd>{text}</dd>
          </div>
        ))}
      </dl>
      <label class="choice">
        <input type="checkbox" checked={areLettersOn} onChange={(event) => onLetters(event.currentTarget.checked)} />{' '}
        Letters and signs are keys (off for those who steer by voice)
      </label>
      <h3>Signs</h3>
      <dl class="keys">
        <div>
          <dt>
            <span class="changed-mark">◆</span>
          </dt>
          <dd>changed in this step</dd>
        </div>
        <div>
          <dt>solid arrow</dt>
          <dd>prevLSN: the record of the same transaction before</dd>
        </div>
        <div>
          <dt>dashed arrow</dt>
          <dd>undoNextLSN of a CLR: what is to be undone next. A bar at its end: nothing is left</dd>
        </div>
        <div>
          <dt>hollow dot</dt>
          <dd>a compensation log record (CLR)</dd>
        </div>
        <div>
          <dt>diamond</dt>
          <dd>a record of no transaction, as of a checkpoint</dd>
        </div>
        <div>
          <dt>≠</dt>
          <dd>in the buffer pool, and not so on disk</dd>
        </div>
      </dl>
    </Dialog>
  )
}
