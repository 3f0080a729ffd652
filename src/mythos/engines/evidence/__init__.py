"""Evidence: mergeable counts of what a node was seen to do.

Every body is a commutative monoid, so a sidecar, the central intake and a batch audit may each
count a part of the spans and merge in any order with one result. Nothing here reads a clock, a
file or a database, and nothing here decays: age is weighed when evidence is read.
"""
