import type { components } from "./schema";

/** The war room as the server answers it. */

type Schemas = components["schemas"];

export type Board = Schemas["WarRoom"];
export type BoardTile = Schemas["SeverityTile"];
export type BoardIncident = Schemas["BoardIncident"];
export type BoardChange = Schemas["BoardChange"];
export type Clock = Schemas["BoardClock"];
export type TrendDay = Schemas["TrendDay"];
export type FeedLine = Schemas["FeedLine"];
