/**
 * Milliseconds since 1970, for moments that other machines have to agree on or that stand in a token. It may jump;
 * durations are measured by a Clock.
 */
export type Calendar = () => number;

/** The machine's calendar. */
export const systemCalendar: Calendar = () => Date.now();
