/** Prints a user of what mounts show. */
import { userIn } from "../../../lib/oci/rootfs_user.ts";

const [mounts = "[]", user = ""] = Deno.args;
console.log(JSON.stringify(await userIn(JSON.parse(mounts), user)));
