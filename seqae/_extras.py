"""Packages that only some features need."""

from __future__ import annotations

import importlib
from types import ModuleType


class MissingExtra(ImportError):  # noqa: N818 (reads better without the suffix)
    """A feature needs a package that is not installed, or that does not work here."""


def require(module: str, *, extra: str, purpose: str) -> ModuleType:
    """Import an optional module.

    Args:
        module: The module to import, for example "bokeh".
        extra: The extra of seqae that installs it.
        purpose: The feature that needs it, for the error message.

    Raises:
        MissingExtra: The module is absent or broken; the message names the command that installs it.
    """
    try:
        return importlib.import_module(module)
    except (ImportError, OSError) as error:  # a package built for another torch raises OSError
        name = module.partition(".")[0]
        raise MissingExtra(
            f"{purpose} needs {name} ({type(error).__name__}: {error}). Install: pip install 'seqae[{extra}]'"
        ) from error
