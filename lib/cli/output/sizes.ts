/** Sizes as people read them, in the two ways that Go's ctr has. */

const binary = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
const decimal = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];

/** `1.9 MiB` */
export function binarySize(bytes: number | bigint): string {
  let size = Number(bytes);
  let unit = 0;
  for (; size >= 1024 && unit < binary.length - 1; unit++) size /= 1024;
  return `${size.toFixed(1)} ${binary[unit]}`;
}

/** `1.084MB`: four digits that count, no zeros at the end. */
export function decimalSize(bytes: number | bigint): string {
  let size = Number(bytes);
  let unit = 0;
  for (; size >= 1000 && unit < decimal.length - 1; unit++) size /= 1000;
  return `${Number(size.toPrecision(4))}${decimal[unit]}`;
}
