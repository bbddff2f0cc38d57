import { changes } from "./changes";
import { common } from "./common";
import { customer } from "./customer";
import { incident } from "./incident";
import { incidents } from "./incidents";
import { warroom } from "./warroom";

export default { ...common, ...warroom, ...incident, ...changes, ...incidents, ...customer };
