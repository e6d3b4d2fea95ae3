/** The containerd 2 and its ctr that scripts/setup has got for the tests. */
const dir = new URL("../../dist/tools/containerd2/usr/bin", import.meta.url).pathname;

/** The path of its ctr, and a PATH on which its daemon and shim come first. */
export interface Containerd2 {
  ctr: string;
  path: string;
}

/** Undefined, and said loudly, where there is none. */
export function containerd2(): Containerd2 | undefined {
  try {
    const { success } = new Deno.Command(`${dir}/ctr`, { args: ["--version"], stdout: "null" }).outputSync();
    if (success) return { ctr: `${dir}/ctr`, path: `${dir}:${Deno.env.get("PATH")}` };
  } catch {
    // Not there.
  }
  console.error("NO CTR OF CONTAINERD 2: the tests of it are skipped (see scripts/setup_ctr)");
  return undefined;
}
