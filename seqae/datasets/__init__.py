"""Datasets of sequences of any lengths, and loaders of their batches.

A dataset is an object with the number of steps of each of its items, `lengths`, and a method `batch(indices)` that
returns some of them as one batch; see `Dataset`. `make_loader` reads one in batches of items of similar length.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
