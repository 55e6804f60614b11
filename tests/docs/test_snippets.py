"""The Python blocks of pages run as they stand."""

import re
import runpy
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("page", ["tables", "fleets", "serve", "feedback", "included"])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_blocks_of_a_page_run(page, tmp_path, capsys):
    blocks = re.findall(r"```python\n(.*?)```", (DOCS / f"{page}.md").read_text(encoding="utf-8"), re.DOTALL)
    assert blocks
    if page == "serve":
        pytest.importorskip("starlette", reason="needs starlette: pip install 'seqae[serve]'")
    script = tmp_path / "page.py"
    script.write_text("\n".join(blocks), encoding="utf-8")
    names = runpy.run_path(str(script))
    assert capsys.readouterr().out
    if page == "fleets":
        assert set(names["detector"].scorer_.machines) == {"m0", "m1", "m2", "m3", "m4"}


def test_the_page_on_tables_names_every_reading_option():
    from dataclasses import fields

    from seqae.data import ReadingOptions

    page = (DOCS / "tables.md").read_text(encoding="utf-8")
    assert [each.name for each in fields(ReadingOptions) if f"`{each.name}" not in page] == []
