export const INT32_MAX = 2_147_483_647

/** The longest delay of a Node timer is INT32_MAX milliseconds. */
export const LONGEST_TIMER_S = Math.floor(INT32_MAX / 1000)
