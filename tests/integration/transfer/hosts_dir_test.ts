import assert from "node:assert/strict";
import { Code, codeOf } from "../../../lib/errors.ts";
import { openRooms, remains, scope } from "./fixture.ts";
import { serve, smallImage } from "./hostile.ts";

async function write(dir: string, host: string, text: string) {
  await Deno.mkdir(`${dir}/${host}`, { recursive: true });
  await Deno.writeTextFile(`${dir}/${host}/hosts.toml`, text);
}

const patience = { headers: 500, body: 500, tries: 1 };

Deno.test("mirrors of hosts.toml are asked in order, with their headers and paths, before the server", async () => {
  const image = smallImage();
  await using empty = serve(image, () => new Response("", { status: 404 }));
  await using mirror = serve(image);
  await using server = serve(image);
  await using rooms = await openRooms();
  const dir = rooms.scratch.join("certs.d");
  const text = `server = "http://${server.host}"
[host."http://${server.host}"]
capabilities = ["push"]
[host."http://${empty.host}"]
[host."http://${mirror.host}/own/path"]
override_path = true
capabilities = ["pull", "resolve"]
[host."http://${mirror.host}/own/path".header]
x-colour = ["red", "blue"]
`;
  for (
    const [name, reference] of [["registry.test:5000", "registry.test:5000/small:1"], [
      "_default",
      "x.test/small:1",
    ]]
  ) {
    mirror.requests.length = 0;
    await write(dir, name!, text);
    await rooms.transfer.pull(scope, { reference: reference!, hostsDir: dir, patience });
    assert.ok(mirror.requests.length > 0 && empty.requests.length > 0);
    assert.equal(server.requests.length, 0);
    assert.ok(mirror.requests.every(({ path }) => path.startsWith("/own/path/small/")));
    assert.ok(mirror.requests.every(({ headers }) => headers.get("x-colour") === "red, blue"));
  }
});

Deno.test("an error in hosts.toml names file and line, and nothing is pulled", async () => {
  await using rooms = await openRooms();
  const dir = rooms.scratch.join("certs.d");
  const bad: [string, RegExp][] = [
    ['server = "http://x.test"\n[host\n', /x\.test\/hosts\.toml:2: /],
    ['\n[host."http://m.test"]\ncapabilities = ["fly"]\n', /hosts\.toml:3: capabilities must be/],
    ['[host."http://m.test"]\n\n\nskip_verify = "no"\n', /hosts\.toml:4: skip_verify must be true or false/],
    ['[host."http://m.test"]\n\nskip_verfy = true\n', /hosts\.toml:3: skip_verfy is no setting of a host/],
    [
      'capabilities = ["pull"]\nca = "nowhere.pem"\n',
      /toml:2: ca is wrong: .*x\.test\/nowhere\.pem: no such file/,
    ],
    ['ca = ["hosts.toml"]\n', /hosts\.toml:1: ca is wrong: .*no certificate in PEM form in it/],
    ['[host."http://m.test"]\nclient = [["a"]]\n', /hosts\.toml:2: client must be/],
    ['[host."http://m.test"]\ndial_timeout = "1 day"\n', /hosts\.toml:2: dial_timeout must be a duration/],
    ['[host."http://m.test".header]\nx = "a\\nb"\n', /hosts\.toml:2: x must be text/],
    ['[host."ftp://m.test"]\n', /hosts\.toml:1: ftp:\/\/m\.test is not an address/],
  ];
  for (const [text, message] of bad) {
    await write(dir, "x.test", text);
    const error = await rooms.transfer.pull(scope, { reference: "x.test/small:1", hostsDir: dir }).catch((
      e,
    ) => e);
    assert.match(error.message, message);
    assert.equal(codeOf(error), Code.InvalidArgument);
    assert.deepEqual(remains(rooms), { images: [], snapshots: [], leases: [], blobs: [] });
  }
});
