"""What holds for all tests."""

import os

# Before torch is imported, and for the programs that tests start: beside other work, two threads on models this small
# take seven times the processor time of one, nearly all of it spent waiting for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")
