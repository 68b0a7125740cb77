/**
 * Makes what the labs are made of, in dist/lab: the last step of `npm run build`. Skeletons and declarations come
 * from the engine's source, texts from the course, scenarios from the tests; so none of them can lag behind.
 */
import { fileURLToPath } from 'node:url'
import { buildLabs } from './build-labs.ts'

buildLabs(fileURLToPath(new URL('../../../../', import.meta.url)), 'dist/lab')
