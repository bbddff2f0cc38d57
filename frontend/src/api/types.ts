import type { components } from "./schema";

type Schemas = components["schemas"];

export type Me = Schemas["Me"];
export type Project = Schemas["MyProject"];
export type Role = Schemas["RoleEnum"];
export type Severity = Schemas["SeverityEnum"];
export type IncidentStatus = Schemas["IncidentStatusEnum"];
export type IncidentType = Schemas["IncidentTypeEnum"];
export type SupportLevel = Schemas["SupportLevelEnum"];
export type ChangeStatus = Schemas["ChangeStatusEnum"];
export type ChangeType = Schemas["ChangeTypeEnum"];
export type Incident = Schemas["Incident"];
export type Change = Schemas["Change"];
