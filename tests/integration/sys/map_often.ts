/** Mounts what has mapped owners again and again; tells what the process had after the first time, and has at the end. */
import { mountAll, unmountAll } from "../../../lib/sys/mod.ts";

const [target = "", mount = ""] = Deno.args;

function mine() {
  const children = [...Deno.readDirSync("/proc")].filter(({ name }) => parentOf(name) === Deno.pid).length;
  return { children, descriptors: [...Deno.readDirSync("/proc/self/fd")].length };
}

/** The parent of a process (proc_pid_stat(5)). */
function parentOf(pid: string): number | undefined {
  try {
    return Number(Deno.readTextFileSync(`/proc/${pid}/stat`).split(") ")[1]?.split(" ")[1]);
  } catch {
    return undefined;
  }
}

async function once() {
  mountAll([JSON.parse(mount)], target);
  await unmountAll(target);
}

await once();
const before = mine();
for (let n = 0; n < 5; n++) await once();
console.log(JSON.stringify({ before, after: mine() }));
