"""Check the types of the package: there may be no more errors of a kind than are known.

    python .ci/mypy_ratchet.py            fails where a kind of error has become more frequent
    python .ci/mypy_ratchet.py --update   writes down the counts of today, after errors were mended

The counts are in `.ci/mypy_errors.json`, by mypy's error codes; a code that is not there may not occur at all. So with
an empty file, `{}`, the package has to be clean.
"""

import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

KNOWN = Path(__file__).with_name("mypy_errors.json")


def main() -> None:
    done = subprocess.run([sys.executable, "-m", "mypy"], capture_output=True, text=True, cwd=KNOWN.parents[1])
    if done.returncode not in (0, 1):
        sys.exit(done.stdout + done.stderr)
    lines = [line for line in done.stdout.splitlines() if ": error: " in line]
    found = Counter(code_of(line) for line in lines)
    if sys.argv[1:] == ["--update"]:
        KNOWN.write_text(json.dumps(dict(sorted(found.items())), indent=2) + "\n", encoding="utf-8")
    known = Counter(json.loads(KNOWN.read_text(encoding="utf-8")))
    more = found - known
    for line in lines:
        if code_of(line) in more:
            print(line)
    for code, count in sorted(more.items()):
        print(f"{code}: {count} more than the {known[code]} that are known. Mend the new ones among the above")
    for code, count in sorted((known - found).items()):
        print(f"{code}: {count} fewer than known. Keep it so: python .ci/mypy_ratchet.py --update")
    print(f"mypy: {found.total()} errors, {known.total()} known" if found or known else "mypy: no errors")
    sys.exit(bool(more))


def code_of(line: str) -> str:
    """Return the error code that stands in brackets at the end of a line of mypy."""
    match = re.search(r"\[([a-z-]+)\]$", line)
    return match[1] if match else "without a code"


if __name__ == "__main__":
    main()
