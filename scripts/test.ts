/**
 * `deno task test [PATH...]`: format check, lint, type check, build, then the tests, against the built dist/ctr.
 * The last line is `N passed, N failed, N skipped`; a step that fails counts as one failed test.
 */
import { join } from "node:path";

interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

const deno = Deno.execPath();
const steps: [name: string, args: string[]][] = [
  ["format", ["fmt", "--check", "--quiet"]],
  ["lint", ["lint", "--quiet"]],
  ["types", ["task", "--quiet", "check"]],
  ["build", ["task", "--quiet", "build"]],
];

/** Suites whose files may run beside each other, then those that want the machine for themselves. */
const suites: [paths: string[], args: string[]][] = [
  [["tests/unit", "tests/integration", "tests/interop"], ["--parallel"]],
  [["tests/fault"], []],
];

const total: Counts = { passed: 0, failed: 0, skipped: 0 };
for (const [name, args] of steps) {
  console.log(`== ${name}`);
  if (await succeeds(args)) continue;
  console.log(`${name} failed`);
  total.failed++;
}
const wanted = Deno.args.length ? [[Deno.args, []] as [string[], string[]]] : suites;
for (const [paths, args] of wanted) add(total, await test(await existing(paths), args));
console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
Deno.exit(total.failed ? 1 : 0);

async function succeeds(args: string[]): Promise<boolean> {
  const { success } = await new Deno.Command(deno, { args }).spawn().status;
  return success;
}

/** Runs the tests below `paths`; a run that dies without a report counts as one failed test. */
async function test(paths: string[], args: string[]): Promise<Counts> {
  if (!paths.length) return { passed: 0, failed: 0, skipped: 0 };
  console.log(`== ${paths.join(" ")}`);
  const dir = await Deno.makeTempDir({ prefix: "longshore-report-" });
  try {
    const report = join(dir, "junit.xml");
    const all = [
      "test",
      "-A",
      "--unstable-kv",
      "--no-check",
      "--quiet",
      `--junit-path=${report}`,
      ...args,
      ...paths,
    ];
    const passed = await succeeds(all);
    const counts = await readReport(report);
    if (!passed && counts.failed === 0) counts.failed = 1;
    return counts;
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

async function readReport(path: string): Promise<Counts> {
  const xml = await Deno.readTextFile(path).catch(() => "");
  const head = /<testsuites [^>]*>/.exec(xml)?.[0] ?? "";
  const count = (name: string) => Number(new RegExp(`${name}="(\\d+)"`).exec(head)?.[1] ?? 0);
  const skipped = (xml.match(/<skipped/g) ?? []).length;
  const failed = count("failures") + count("errors");
  return { passed: count("tests") - failed - skipped, failed, skipped };
}

async function existing(paths: string[]): Promise<string[]> {
  const found = await Promise.all(paths.map((path) => Deno.stat(path).then(() => [path], () => [])));
  return found.flat();
}

function add(to: Counts, more: Counts): void {
  to.passed += more.passed;
  to.failed += more.failed;
  to.skipped += more.skipped;
}
