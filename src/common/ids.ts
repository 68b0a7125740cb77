/**
 * Identifiers. They are plain numbers with a brand that exists only for the compiler, so that an
 * LSN is never passed where a page is meant. This file and the codecs are the only places that mint
 * them.
 */

declare const brand: unique symbol

/** Log sequence number: byte offset in the one infinite log, exact to 2^53. 0 is null. */
export type Lsn = number & { readonly [brand]: 'Lsn' }
/** Page number in the data file; page 0 is the meta page. */
export type PageId = number & { readonly [brand]: 'PageId' }
/** Transaction number, never reused within one database. 0 is none. */
export type TxnId = number & { readonly [brand]: 'TxnId' }

export const asLsn = (value: number): Lsn => value as Lsn
export const asPageId = (value: number): PageId => value as PageId
export const asTxnId = (value: number): TxnId => value as TxnId

/** No log record. The first bytes of the log are a segment header, so no record has this LSN. */
export const NULL_LSN = asLsn(0)
/** The page field of a log record that concerns no page. */
export const NO_PAGE = asPageId(0xffff_ffff)
/** The transaction field of a log record that belongs to none. */
export const NO_TXN = asTxnId(0)
