"""The sidecar of one host: receive spans, judge, sign, send; pull, verify, launch, decide."""
