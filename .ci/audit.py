"""Asks PyPI for known vulnerabilities of all that the lock files name; fails if there is one that nobody has accepted.

A mirror of PyPI may have no answer to that. Then it is said that nothing was audited, and nothing fails: CI has to pass
where only packages can be fetched, and whoever reads the log sees it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
LOCKS = (".ci/requirements.lock", "recipes/deployment/requirements.lock")
ACCEPTED: dict[str, str] = {}  # the id of a vulnerability, and why it does not matter here


def audited(lock: Path) -> tuple[int, list[str]]:
    """Return how many packages of a lock file were looked up, and what is known against them."""
    words = ["--no-deps", "--disable-pip", "--require-hashes", "--progress-spinner", "off", "--format", "json"]
    command = [sys.executable, "-m", "pip_audit", "-r", str(lock), *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except ValueError:
        print(f"{lock.name} was not audited: {done.stderr.strip()[-300:]}")
        return 0, []
    known = [package for package in packages if "skip_reason" not in package]
    return len(known), [
        f"{package['name']} {package['version']}: {each['id']}, mended in {each['fix_versions'] or 'no version'}"
        for package in known
        for each in package["vulns"]
        if each["id"] not in ACCEPTED
    ]


def main() -> None:
    found = []
    for name in LOCKS:
        count, vulnerabilities = audited(ROOT / name)
        print(f"{name}: {count} packages audited" if count else f"{name}: SKIPPED, the index tells no vulnerabilities")
        found += vulnerabilities
    print(*found, sep="\n", end="\n" if found else "")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
