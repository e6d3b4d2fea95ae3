/** What a transfer is doing: lines redrawn in place on a terminal, one line an event when piped. */
import type { Progress } from "../../api/types/transfer/progress.ts";
import { print, printError } from "./print.ts";
import { binarySize } from "./sizes.ts";

/** A display of progress. */
export interface ProgressDisplay extends Disposable {
  update(update: Progress): void;
  /** Draws the end: the time taken, the bytes moved. */
  finish(): void;
}

type Print = (text: string) => void;

/** The display that suits stdout, or stderr where stdout is somebody else's. */
export function showProgress(on: "stdout" | "stderr" = "stdout"): ProgressDisplay {
  const write = on === "stdout" ? print : printError;
  return Deno[on].isTerminal() ? liveProgress(write) : plainProgress(write);
}

/** Milliseconds between redraws. */
const interval = 80;
const fallbackWidth = 80;

type Item = Pick<Progress, "name" | "event" | "progress" | "total">;

function liveProgress(print: Print): ProgressDisplay {
  const items = new Map<string, Item>();
  const colour = !Deno.env.get("NO_COLOR");
  const start = performance.now();
  let drawn = 0;
  let last = -Infinity;
  const draw = (end: string[] = []) => {
    const width = columns();
    const lines = [...[...items.values()].map((item) => itemLine(item, width, colour)), ...end];
    print((drawn ? `\x1b[${drawn}A` : "") + lines.map((line) => `\x1b[2K${line}\n`).join(""));
    drawn = lines.length;
    last = performance.now();
  };
  return {
    update(update) {
      if (update.name) items.set(update.name, update);
      if (performance.now() - last > interval) draw();
    },
    finish: () => draw([summary(items.values(), start)]),
    [Symbol.dispose]() {},
  };
}

function plainProgress(print: Print): ProgressDisplay {
  const items = new Map<string, Item>();
  const start = performance.now();
  return {
    update(update) {
      const { name, event, total } = update;
      const before = items.get(name)?.event;
      if (name) items.set(name, update);
      if (before === event) return;
      print(`${name ? `${name}: ` : ""}${event}${total ? ` (${binarySize(total)})` : ""}\n`);
    },
    finish: () => print(summary(items.values(), start) + "\n"),
    [Symbol.dispose]() {},
  };
}

/** One item: name, state, bar, amount; cut to the terminal's width. */
export function itemLine({ name, event, progress, total }: Item, width: number, colour: boolean): string {
  const amount = total ? `${binarySize(progress)}/${binarySize(total)}` : "";
  const ended = /^(complete|saved|mounted|extracted|resolved|already exists|done|unpacked)/i.test(
    event,
  );
  const share = ended ? 1 : total ? Math.min(1, Number(progress) / Number(total)) : 0;
  const barWidth = Math.max(0, Math.min(40, width - 70));
  const filled = Math.round(share * barWidth);
  const bar = barWidth ? `|${paint("+".repeat(filled), colour)}${"-".repeat(barWidth - filled)}| ` : "";
  const room = Math.max(10, width - barWidth - 14 - 22 - 4);
  return `${shorten(name, room).padEnd(room)} ${event.slice(0, 13).padEnd(13)} ${bar}${amount}`.trimEnd();
}

const paint = (text: string, colour: boolean) => colour && text ? `\x1b[32m${text}\x1b[0m` : text;
const shorten = (text: string, room: number) => text.length <= room ? text : text.slice(0, room - 1) + "…";

function summary(items: Iterable<Item>, start: number): string {
  const moved = [...items].reduce((sum, item) => sum + Number(item.total), 0);
  const seconds = (performance.now() - start) / 1000;
  const rate = binarySize(moved / Math.max(seconds, 0.001));
  return `elapsed: ${seconds.toFixed(1)} s\ttotal: ${binarySize(moved)} (${rate}/s)`;
}

function columns(): number {
  try {
    return Deno.consoleSize().columns || fallbackWidth;
  } catch {
    return fallbackWidth;
  }
}
