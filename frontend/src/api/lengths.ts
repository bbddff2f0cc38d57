import type { components } from "./schema";

type Schemas = components["schemas"];

/**
 * How long what people write may be: the API's contract, of each schema and field as docs/openapi.yaml has it; of a whole
 * number, how many digits. A test of the server holds them against it.
 */
export const lengths = {
  IncidentInputRequest: { title: 255, description: 20_000, affected_module: 20, affected_users_count: 8 },
  PatchedIncidentChangeRequest: { title: 255, description: 20_000, affected_module: 20, affected_users_count: 8 },
  CommentInputRequest: { content: 20_000 },
  WaitInputRequest: { reason: 500 },
  EscalateInputRequest: { reason: 500 },
  ResolveInputRequest: { root_cause: 20_000, resolution_notes: 20_000 },
  ReopenInputRequest: { reason: 500 },
  ChangeDraftRequest: {
    title: 255,
    affected_module: 20,
    description: 20_000,
    impact_assessment: 20_000,
    rollback_plan: 20_000,
    test_evidence: 20_000,
  },
  RejectInputRequest: { reason: 20_000 },
  ImplementInputRequest: { test_evidence: 20_000 },
} as const satisfies { [Schema in keyof Schemas]?: { [Field in keyof Schemas[Schema]]?: number } };

/** Of a list's `search`. */
export const LONGEST_SEARCH = 200;
