"""Recurrent layers in C++ for the CPU, built on first use; where they can't be, torch computes them.

`SEQAE_NATIVE=0` in the environment switches them off, at any time and for all layers; `seqae doctor` says whether they
are in use. Second and higher derivatives and `torch.func` are computed by a formula, and compiled graphs by torch.
"""

from seqae._processes import use_one_thread_after_fork
from seqae.modules.native.build import native_status
from seqae.modules.native.choice import is_supported
from seqae.modules.native.layer import Weights, gru, is_transformed, lstm, needs_formula

__all__ = [
    "Weights", "gru", "is_supported", "is_transformed", "lstm", "native_status", "needs_formula",
]  # fmt: skip

use_one_thread_after_fork()
