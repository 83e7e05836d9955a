/** The most query parameters that one request may leave out of account. */
export const FILTERS_MAX = 64;
/** The longest tag. */
export const TAG_LENGTH_MAX = 256;
/** The longest name of an imported file. */
export const CATALOG_NAME_LENGTH_MAX = 256;
/** The longest time that an answer of an origin may count for a tree of files. */
export const ANSWER_AGE_MS_MAX = 60_000;
