/** What this program is. */
export const version = "0.1.0";
/** The commit it was built from; empty in a checkout. */
export const revision = "";
