/** The CRIU that scripts/setup has got for the tests. */
const dir = new URL("../../dist/tools/criu/bin", import.meta.url).pathname;

/** A PATH with a CRIU first that works on this kernel; undefined, and said loudly, where there is none. */
export function pathWithCriu(): string | undefined {
  try {
    const { success } = new Deno.Command(`${dir}/criu`, { args: ["check"], stderr: "null", stdout: "null" })
      .outputSync();
    if (success) return `${dir}:${Deno.env.get("PATH")}`;
  } catch {
    // Not there.
  }
  console.error("NO CRIU THAT WORKS HERE: tests of checkpoints are skipped (see scripts/setup_criu)");
  return undefined;
}
