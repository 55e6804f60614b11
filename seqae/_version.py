"""The version of seqae."""

__version__ = "0.1.0"
