"""Tamper evidence for agent memory: a transparency log, its proofs, and the audit against it.

It keeps RFC 6962 hashing (`tree`, `proofs`) and the C2SP note and checkpoint formats (`note`,
`checkpoint`). It finds changes that bypassed the log. It does not detect poison that came in
through the logged write path: there the log gives provenance only.
"""
