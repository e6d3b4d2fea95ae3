/** JSON whose large numbers stay as they are. */
export { parseExact } from "../../oci/mod.ts";
