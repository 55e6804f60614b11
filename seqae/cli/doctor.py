"""`seqae doctor`: what is installed, what works, and how to install the rest."""

from __future__ import annotations

import os
import platform
import re
import warnings
from collections.abc import Iterator
from importlib import import_module, metadata
from pathlib import Path

from seqae._version import __version__
from seqae.cli.json_report import json_report
from seqae.cli.tables import show_table

_COLUMNS = ("extra", "package", "version", "state")


def doctor(*, json: bool = False) -> None:
    """Report on this installation: versions, processor, optional packages.

    With --json: machine (value and note by name), packages (extra, package, version, state of each).

    Example:
        seqae doctor

    Args:
        json: print one JSON object on standard output
    """
    with json_report(json) as report, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        machine = [*_machine(), *_processor()]
        show_table(("", "", ""), machine)
        print()
        packages = list(_packages())
        show_table(_COLUMNS, packages)
        report["machine"] = {name: {"value": value, "note": note} for name, value, note in machine}
        report["packages"] = [dict(zip(_COLUMNS, row)) for row in packages]


def _machine() -> Iterator[tuple[str, str, str]]:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    yield "seqae", __version__, str(Path(__file__).parents[1])
    yield "python", platform.python_version(), f"{platform.system()} {platform.machine()}"
    yield "cores", str(cores), f"of {os.cpu_count()}"


def _processor() -> Iterator[tuple[str, str, str]]:
    """Return the devices that torch finds; none if torch does not work, which the list of packages shows."""
    try:
        import torch

        from seqae.modules.native.build import can_round, load_kernel, native_status
        from seqae.modules.native.choice import advantage, all_kinds
        from seqae.training.runtime import usable_precision
    except (ImportError, OSError):
        return
    yield "cpu", torch.backends.cpu.get_cpu_capability(), f"torch threads: {torch.get_num_threads()}"
    quick = usable_precision("bf16-mixed") == "bf16-mixed"
    yield "bf16", "yes" if quick else "no", "" if quick else "no instructions for it: trains in 32 bits instead"
    yield "kernel", "LSTM, GRU", native_status()
    rounded = 'LSTM, GRU in bf16 after torch.set_float32_matmul_precision("medium")'
    yield "amx", *(("yes", rounded) if can_round() else ("no", "LSTM, GRU always in 32 bits"))
    for kind in all_kinds() if load_kernel() else ():
        yield str(kind), f"{advantage(kind):.2f}", "times as quick by the kernel as by torch"
    cuda = torch.cuda.is_available()
    built = f"torch is built for CUDA {torch.version.cuda}" if torch.version.cuda else "torch is built without CUDA"
    yield "cuda", "yes" if cuda else "no", torch.cuda.get_device_name() if cuda else built


def _packages() -> Iterator[tuple[str, str, str, str]]:
    """The packages that seqae needs and can use: (extra, package, version, state)."""
    try:
        requirements = metadata.requires("seqae") or []
    except metadata.PackageNotFoundError:
        folder = Path(__file__).parents[2]
        yield "", "seqae", "", f"not installed, only found in its folder. Install: pip install -e '{folder}[all]'"
        return
    modules = _module_names()
    for requirement in requirements:
        package = re.split(r"[^\w.-]", requirement, maxsplit=1)[0]
        extra = match[1] if (match := re.search(r"extra == ['\"](\w+)['\"]", requirement)) else ""
        if package != "seqae" and extra != "dev":
            yield extra, package, *_state(package, extra, modules.get(_normal(package), package))


def _state(package: str, extra: str, module: str) -> tuple[str, str]:
    """A package's version, and whether it works."""
    try:
        version = metadata.version(package)
    except metadata.PackageNotFoundError:
        return "", f"missing. Install: pip install '{f'seqae[{extra}]' if extra else package}'"
    try:
        import_module(module)
    except Exception as error:  # whatever a package built for another torch may raise
        reason = " ".join(str(error).split())[:200]
        return version, f"broken: {type(error).__name__}: {reason}"
    return version, "ok"


def _module_names() -> dict[str, str]:
    """The name to import of every installed package, such as sklearn of scikit-learn."""
    names: dict[str, str] = {}
    for module, packages in metadata.packages_distributions().items():
        for package in map(_normal, packages):
            if module == package or (not module.startswith("_") and package not in names):
                names[package] = module
    return names


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "_", name).lower()
