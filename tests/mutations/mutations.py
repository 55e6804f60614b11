"""Small faults in lines that matter, each of which some test must notice.

A line of code that no test would miss may be wrong for years. `mutate.py` puts these faults into a copy of the project
one by one, and runs the tests that should fail.
"""

from __future__ import annotations

from mutations import detectors, models, services

MUTATIONS = (*models.MUTATIONS, *detectors.MUTATIONS, *services.MUTATIONS)
