"""Detectors at work: what `seqae stream`, `serve` and `listen` share, and the servers themselves."""
