import assert from "node:assert/strict";
import { parseShimCommand } from "../../../lib/cli/shim_command.ts";

const asked = ["-namespace", "default", "-address", "/run/x.sock", "-publish-binary", "/usr/bin/containerd"];

Deno.test("parseShimCommand() reads what containerd asks of a shim's executable", () => {
  assert.deepEqual(parseShimCommand([...asked, "-id", "c", "start"]), {
    action: "start",
    namespace: "default",
    id: "c",
    bundle: "",
  });
  assert.deepEqual(
    parseShimCommand([...asked, "-id", "c", "-bundle", "/b", "-debug", "delete"]),
    { action: "delete", namespace: "default", id: "c", bundle: "/b" },
  );
});

Deno.test("parseShimCommand() knows -info, which containerd 2 says alone", () => {
  assert.equal(parseShimCommand(["-info"])?.action, "info");
  assert.equal(parseShimCommand(["-info", "x"]), undefined);
});

Deno.test("parseShimCommand() leaves every other command line alone", () => {
  assert.equal(
    parseShimCommand(["-namespace", "x", "run", "image", "id", "-publish-binary", "start"]),
    undefined,
  );
  assert.equal(parseShimCommand(["-namespace", "x", "containers", "delete"]), undefined);
  assert.equal(parseShimCommand([...asked, "-id", "c", "serve"]), undefined);
  assert.equal(parseShimCommand([]), undefined);
});
