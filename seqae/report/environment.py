"""The software and the machine that computed a result."""

from __future__ import annotations

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("seqae", "torch", "lightning", "numpy", "pandas")


def describe_environment() -> dict[str, str]:
    """Return the versions and the kind of machine; nothing that names a person, a host or a folder."""
    versions = {package: found for package in PACKAGES if (found := _version(package))}
    machine = {
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "system": f"{platform.system()} {platform.machine()}",
        "recurrent layers": _recurrence(),
    }
    return {"python": platform.python_version()} | versions | machine


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _recurrence() -> str:
    """Return what computes recurrent layers on the processor; large ones may be left to torch, see `seqae doctor`."""
    if "torch" not in sys.modules:
        return "none"
    from seqae.modules.native.build import lane_count, load_kernel, rounds_products

    if load_kernel() is None:
        return "torch"
    return f"kernel, {lane_count()} numbers at once" + (", products in bfloat16" if rounds_products() else "")


def _processor() -> str:
    """Return the model name of the processor; platform.processor() returns it outside of Linux only."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())
