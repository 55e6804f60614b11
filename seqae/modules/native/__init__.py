"""Recurrent layers in C++ for the CPU, built on first use; where they can't be, torch computes them.

`SEQAE_NATIVE=0` in the environment switches them off, at any time and for all layers; `seqae doctor` says whether they
are in use. Second and higher derivatives and `torch.func` are computed by a formula, and compiled graphs by torch.

After `torch.set_float32_matmul_precision("medium")` they multiply numbers that are rounded to bfloat16, as torch does
in its own products, where the processor has AMX (`seqae doctor` says so); elsewhere they do not. Sums, states and cells
stay in single precision. Training a layer of 128 or more hidden units takes .4 to .8 of the time then, but up to a
fifth longer over a single sequence; layers of fewer than 64, which would gain little, do not round, and neither does
`RecurrentStream`. Over 300 random shapes, hidden states differ from those in double precision by at most 0.009 (root
mean square of the worst shape 0.0016), gradients by at most 0.011 of the largest of each tensor (0.004).
"""

from seqae._processes import use_one_thread_after_fork
from seqae.modules.native.build import native_status
from seqae.modules.native.choice import is_supported
from seqae.modules.native.layer import Weights, gru, is_transformed, lstm, needs_formula

__all__ = [
    "Weights", "gru", "is_supported", "is_transformed", "lstm", "native_status", "needs_formula",
]  # fmt: skip

use_one_thread_after_fork()
