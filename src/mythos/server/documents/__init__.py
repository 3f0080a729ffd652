"""What lists of documents share: who holds each, where it is in force, what was asked to see."""
