import json
import re

import numpy as np
import pytest

from seqae.report.html.scatter3d import write_scatter3d


def test_the_page_holds_the_codes_and_nothing_from_the_network(tmp_path):
    codes = np.random.default_rng(0).normal(size=(9000, 3))
    page = write_scatter3d(tmp_path / "cloud.html", codes, np.arange(9000) % 11, "Codes & DATA $x").read_text()
    assert "http" not in page and "Codes &amp; DATA $x" in page
    held = json.loads(re.search(r"= (\{.*\});", page)[1])
    assert len(held["points"]) == len(held["classes"]) == 4000
    assert len(held["names"]) == len(set(held["colours"])) == 11
    spread = (codes - codes.mean(axis=0)) / codes.std(axis=0).max()
    assert np.allclose(held["points"][-1], spread[-1], atol=1e-3) and held["classes"][-1] == 8999 % 11


def test_a_name_cannot_end_the_script(tmp_path):
    page = write_scatter3d(tmp_path / "cloud.html", np.eye(3), ["</script>", "b", "b"], "x").read_text()
    assert page.count("</script>") == 1


@pytest.mark.parametrize(("codes", "classes"), [(np.ones((4, 2)), [1] * 4), (np.ones((4, 3)), [1] * 3)])
def test_codes_of_another_shape_are_named(tmp_path, codes, classes):
    with pytest.raises(ValueError, match="of shape"):
        write_scatter3d(tmp_path / "cloud.html", codes, classes, "x")
