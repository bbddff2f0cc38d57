/** The types of an incident, in the order in which they are offered. */
export const TYPES = ["system_down", "data_issue", "performance", "authorization", "interface", "other"] as const;
