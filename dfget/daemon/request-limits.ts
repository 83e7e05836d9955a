/** The most query parameters that one request may leave out of account. */
export const FILTERS_MAX = 64;
/** The longest tag. */
export const TAG_LENGTH_MAX = 256;
