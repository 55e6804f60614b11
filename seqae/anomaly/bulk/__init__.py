"""Data sets larger than memory: scored in one pass, in shards, with checkpoints, on one machine or on many."""
