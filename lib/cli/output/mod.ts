/** What commands print with. */
export { age, goTime, rfc3339, rfc3339Seconds } from "./ages.ts";
export { indentJson, mapOf, objectOf, quote } from "./json.ts";
export { labelMask, labelText, parseLabels } from "./labels.ts";
export { complain, print, printError, writeAll } from "./print.ts";
export { binarySize, decimalSize } from "./sizes.ts";
export { type Layout, layOut, narrow, printTable, tabbed, wide } from "./table.ts";
