"""Memory logs as pages: what audits found of each, and what the witness remembers of it."""
