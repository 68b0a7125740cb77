/** Puts the boxes into the package: a step of `npm run build`. */
import { writeBoxes } from './boxes.ts'

await writeBoxes('dist/lab/boxes.json.br')
