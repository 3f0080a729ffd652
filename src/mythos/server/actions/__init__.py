"""The control plane's own log: what operators did, in a Merkle tree like that of a memory log."""
