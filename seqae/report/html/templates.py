"""The templates of all pages."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from seqae._extras import require
from seqae.report.formatting import number

if TYPE_CHECKING:
    from jinja2 import Template


def load_template(name: str, *folders: Path) -> Template:
    """Return a template of this package; whatever is put into it is text, never markup, unless marked as safe.

    Args:
        name: The name of its file.
        *folders: Folders that are searched before that of this package.

    Raises:
        MissingExtra: Jinja2 is not installed.
    """
    jinja2 = require("jinja2", extra="report", purpose="an HTML page")
    loader = jinja2.FileSystemLoader([*folders, Path(__file__).with_name("template")])
    environment = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["number"] = number
    # Bokeh names an object where it first comes and refers to it afterwards: the order must stay.
    environment.policies["json.dumps_kwargs"] = {"sort_keys": False, "allow_nan": False}
    return environment.get_template(name)
