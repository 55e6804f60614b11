"""Print the oldest versions that pyproject.toml admits, as constraints for pip.

python .ci/lowest.py                   of what seqae needs
python .ci/lowest.py report images     and of what these extras need
pip install -c <(python .ci/lowest.py report) '.[report]'
"""

import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import Requirement

PROJECT = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def requirements(lines: list[str]) -> Iterator[Requirement]:
    """Yield what the lines ask for; an extra of seqae itself is replaced by what that extra asks for."""
    for requirement in map(Requirement, lines):
        if requirement.name == PROJECT["name"]:
            for extra in sorted(requirement.extras):
                yield from requirements(PROJECT["optional-dependencies"][extra])
        else:
            yield requirement


def lowest(requirement: Requirement) -> str:
    """Return "name==version" for the version that the requirement starts at."""
    bounds = [bound.version for bound in requirement.specifier if bound.operator == ">="]
    if len(bounds) != 1:
        raise ValueError(f"pyproject.toml: '{requirement}' has no lower bound; write {requirement.name}>=VERSION")
    return f"{requirement.name}=={bounds[0]}"


if __name__ == "__main__":
    asked = [*PROJECT["dependencies"], *(f"{PROJECT['name']}[{extra}]" for extra in sys.argv[1:])]
    print(*dict.fromkeys(lowest(requirement) for requirement in requirements(asked)), sep="\n")
