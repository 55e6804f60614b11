"""Settings of sphinx. One command builds everything: sphinx-build -W -q docs build/docs."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import seqae  # noqa: E402 (found by the line above)

project = "seqae"
author = copyright = "The seqae developers"
version = release = seqae.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "extensions.reference_pages",
    "extensions.recipe_gallery",
    "extensions.model_drawings",
]
exclude_patterns = ["extensions"]
toc_object_entries = False  # the headings name them already
default_role = "py:obj"  # `name` in a docstring becomes a link where there is such a name, and stays code elsewhere

autosummary_generate = False
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = False  # spelled-out reading options are not in the source of a signature
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True
python_maximum_signature_line_length = 90
python_display_short_literal_types = True
# A name that only type checkers import can't be looked up; its annotation is then shown as it was written.
suppress_warnings = ["sphinx_autodoc_typehints.forward_reference", "autodoc.forward_reference"]

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

html_theme = "furo"
html_title = f"seqae {release}"
html_static_path = ["static"]
html_css_files = ["pages.css"]
html_copy_source = False
html_show_sphinx = False
