"""Recurrent layers in C++ for the CPU, built on first use; where they can't be, torch computes them."""

from seqae._processes import use_one_thread_after_fork
from seqae.modules.native.build import native_status
from seqae.modules.native.layer import Weights, gru, is_supported, is_supported_lstm, is_transformed, lstm

__all__ = ["Weights", "gru", "is_supported", "is_supported_lstm", "is_transformed", "lstm", "native_status"]

use_one_thread_after_fork()
