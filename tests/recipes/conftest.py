"""The parts of recipes are imported as their scripts import them: by the name of the file alone."""

import sys

from seqae.cli.recipes import folder as recipes
from seqae.cli.recipes import scripts

for folder in sorted(
    {script.parent for script in scripts().values()} | {path.parent for path in recipes().glob("*/*.py")}
):
    sys.path.append(str(folder))
