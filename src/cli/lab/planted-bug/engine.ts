/** What a box holds: the engine and the kit to test it, as the package exports them, in one module. */
export * from '../../../index.ts'
export * from '../../../testing/index.ts'
