"""The edges of hypercare for programs: /api/v1/."""
