/** The keys that leave a process running and take the terminal back: Ctrl-P Ctrl-Q unless the user says otherwise. */
import { type Flag, usageError } from "../command.ts";

/** `--detach-keys` */
export const detachKeysFlag: Flag = {
  name: "detach-keys",
  value: "keys",
  usage: 'keys that leave it running: letters and ctrl-LETTER, by commas; "" for none',
  default: "ctrl-p,ctrl-q",
};
const usualKeys = Uint8Array.of(16, 17);

/** The bytes of `ctrl-p,ctrl-q`: letters stand for themselves, `ctrl-` goes before a-z and @ [ \ ] ^ _. */
export function parseDetachKeys(text: string): Uint8Array<ArrayBuffer> {
  // Nearly always: no time for regular expressions.
  if (text === detachKeysFlag.default) return usualKeys;
  const keys = text === "" ? [] : text.split(",");
  return new Uint8Array(keys.map((key) => {
    const control = /^ctrl-([a-z@[\\\]^_])$/i.exec(key)?.[1];
    if (control) return control.toUpperCase().charCodeAt(0) - 64;
    if (/^[\x20-\x7e]$/.test(key)) return key.charCodeAt(0);
    throw usageError(`--detach-keys ${JSON.stringify(text)}: ${JSON.stringify(key)} is no key`);
  }));
}

/** Looks for the keys in what is typed. */
export class DetachKeys {
  readonly #keys: Uint8Array<ArrayBuffer>;
  #matched = 0;

  constructor(keys: Uint8Array<ArrayBuffer>) {
    this.#keys = keys;
  }

  /**
   * What of `typed` is for the process, and whether the last of the keys was there. The first keys are held back
   * until it is known whether the others follow.
   */
  pass(typed: Uint8Array): { passed: Uint8Array; detached: boolean } {
    if (!this.#keys.length) return { passed: typed, detached: false };
    const passed: number[] = [];
    for (const byte of typed) {
      if (byte !== this.#keys[this.#matched]) {
        passed.push(...this.#keys.subarray(0, this.#matched));
        this.#matched = 0;
      }
      if (byte !== this.#keys[this.#matched]) passed.push(byte);
      else if (++this.#matched === this.#keys.length) {
        return { passed: Uint8Array.from(passed), detached: true };
      }
    }
    return { passed: Uint8Array.from(passed), detached: false };
  }
}
