"""Recurrent layers in C++ for the CPU, built on first use; where they can't be, torch computes them."""

from seqae.modules.native.build import native_status
from seqae.modules.native.layer import gru, lstm, suits, suits_lstm

__all__ = ["gru", "lstm", "native_status", "suits", "suits_lstm"]
