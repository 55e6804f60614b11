"""The generated pages of the documentation show what there is."""

import importlib
import json
import re
import sys
import types
from pathlib import Path

import pytest
import torch
from torch import nn

import seqae

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture
def extension(monkeypatch):
    """Import a module from the folder of the documentation."""
    monkeypatch.syspath_prepend(str(DOCS))
    yield importlib.import_module
    for name in [name for name in sys.modules if name.partition(".")[0] in ("extensions", "model_examples")]:
        del sys.modules[name]


def test_every_public_name_is_on_a_page_of_the_reference(extension):
    listed = [name for names in extension("extensions.reference_pages").by_page().values() for name in names]
    assert len(listed) == len(set(listed))
    assert {name for name in listed if "." not in name} == set(seqae.__all__) - {"__version__"}


def test_a_page_of_the_reference_holds_every_name_that_its_package_offers(extension):
    pages = extension("extensions.reference_pages").by_page()
    stubs = sorted(Path(seqae.__file__).parent.glob("*/__init__.pyi"))
    assert {stub.parent.name for stub in stubs} <= set(pages)
    for stub in stubs:
        names = re.findall(r" as (\w+)$", stub.read_text(encoding="utf-8"), re.MULTILINE)
        assert sorted(path.rpartition(".")[2] for path in pages[stub.parent.name]) == sorted(names)


def test_a_public_module_without_a_stub_shows_what_it_defines_and_not_what_it_imports(extension):
    names = extension("extensions.reference_pages").by_page()["retrieval"]
    assert "retrieval.HammingIndex" in names and "retrieval.pack_bits" in names
    assert not {"retrieval.np", "retrieval.Tensor", "retrieval.Protocol", "retrieval.require"} & set(names)


def test_bars_in_docstrings_are_bars_but_code_stays_as_it_is(extension):
    lines = ["2 |A and B| / |A|", "a type, `int | None`, and ``x | y``"]
    extension("extensions.reference_pages").escape_bars(None, "function", "f", None, None, lines)
    assert lines == [r"2 \|A and B\| / \|A\|", "a type, `int | None`, and ``x | y``"]


LAYER = """
from torch import nn

class Layer(nn.Module):
    def forward(self, vectors):
        return vectors
"""


def test_methods_that_repeat_another_library_are_left_out_and_our_own_are_not(extension, monkeypatch):
    module = types.ModuleType("seqae.invented")
    exec(LAYER, module.__dict__)
    monkeypatch.setitem(sys.modules, "seqae.invented", module)
    pages = extension("extensions.reference_pages")
    assert pages.skips(None, "class", "forward", module.Layer.forward, False, None)  # torch's docstring
    assert pages.skips(None, "class", "to", nn.Module.to, False, None)
    assert not pages.skips(None, "class", "encode", seqae.Autoencoder.encode, False, None)
    assert not pages.skips(None, "class", "forward", seqae.ConvEncoder.forward, False, None)  # that of Encoder


def test_every_public_encoder_and_decoder_is_drawn(extension):
    assert extension("extensions.model_drawings").not_drawn() == set()


def test_an_encoder_in_no_example_is_named(extension, monkeypatch):
    monkeypatch.delitem(extension("model_examples").EXAMPLES, "Video")
    assert extension("extensions.model_drawings").not_drawn() == {"ConvLSTMEncoder", "ConvLSTMDecoder"}


def test_a_trace_tells_shapes_in_words_and_counts_parameters(extension):
    tracing = extension("extensions.tracing")
    model = seqae.Autoencoder(seqae.MeanEncoder(5, 4), seqae.ConstantDecoder(nn.Linear(4, 5)))
    batch = seqae.Batch.of([torch.randn(length, 5) for length in (11, 7, 4)])
    calls = {call.path: call for call in tracing.trace(model, batch)}
    assert calls["encoder"].output == "(batch, 4)" and calls["encoder"].size == 4
    assert calls["decoder"].output == "(batch, time, 5)" and calls["decoder"].size == 11 * 5
    assert calls["decoder.head"].parameters == 4 * 5 + 5
    assert [call.path for call in tracing.leaves(list(calls.values()))] == ["encoder.project", "decoder.head"]


def test_a_drawing_has_a_box_for_each_layer_and_the_code_between_the_sides(extension):
    drawings, tracing = extension("extensions.model_drawings"), extension("extensions.tracing")
    model, sequences = extension("model_examples").lstm()
    batch = seqae.Batch.of(sequences)
    calls = tracing.trace(model, batch)
    picture = drawings.drawing(batch, calls)
    assert picture.count("<rect") == len(tracing.leaves(calls)) + 3  # batch, code and prediction
    assert picture.index('class="encoder"') < picture.index('class="code"') < picture.index('class="decoder"')


def test_the_gallery_shows_every_recipe_with_its_task(extension):
    gallery = extension("extensions.recipe_gallery")
    found = gallery.recipes(DOCS.parent / "recipes")
    assert all(recipe.task for recipe in found)
    page = "\n".join(gallery.page(found))
    assert all(f"seqae run {recipe.name}" in page for recipe in found)


def test_the_gallery_takes_the_results_from_the_table_of_results(extension):
    gallery = extension("extensions.recipe_gallery")
    results = json.loads((DOCS.parent / "recipes" / "results.json").read_text(encoding="utf-8"))["recipes"]
    cards = {recipe.name: "\n".join(gallery.card(recipe)) for recipe in gallery.recipes(DOCS.parent / "recipes")}
    assert all(gallery.literal(f"{results[name]['metric']} {results[name]['seqae']}") in cards[name] for name in cards)
    cells = {"data": "digits", "metric": "error", "seqae": "0.1", "baseline": "PCA, 0.2", "published": "\N{EN DASH}"}
    assert gallery.headline(cells) == "error 0.1 (baseline: PCA, 0.2), on digits"
    assert gallery.headline({**cells, "baseline": "\N{EN DASH}"}) == "error 0.1, on digits"


def test_a_recipe_is_a_script_or_a_folder_with_a_script_of_its_name(extension, tmp_path):
    (tmp_path / "image_folder").mkdir()
    for name in ("sensor_script.py", "_hidden.py", "image_folder/image_folder.py", "image_folder/model.py"):
        (tmp_path / name).write_text('"""Do it.\n\nIn detail."""\n\nDATA = "digits"\n', encoding="utf-8")
    found = extension("extensions.recipe_gallery").recipes(tmp_path)
    assert [recipe.name for recipe in found] == ["image_folder", "sensor_script"]
    assert found[0].task == "Do it." and found[0].facts == {"DATA": "digits"}


def test_a_small_picture_is_shown_and_a_large_one_refused(extension, tmp_path, monkeypatch):
    gallery = extension("extensions.recipe_gallery")
    monkeypatch.setattr(gallery, "PICTURES", tmp_path)
    recipe = gallery.recipes(DOCS.parent / "recipes")[0]
    assert not any(".. image::" in line for line in gallery.card(recipe))
    (tmp_path / f"{recipe.name}.png").write_bytes(bytes(60_000))
    assert any(".. image::" in line for line in gallery.card(recipe))
    (tmp_path / f"{recipe.name}.png").write_bytes(bytes(60_001))
    with pytest.raises(ValueError, match="60001 bytes, more than 60000"):
        gallery.card(recipe)


def test_the_encoder_of_the_page_for_contributors_keeps_the_contract():
    text = (DOCS.parent / "CONTRIBUTING.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    names: dict[str, object] = {}
    exec(block, names)
    torch.manual_seed(0)
    sequences = [torch.randn(length, 3) for length in (5, 9, 1)]
    codes = names["Moments"](3)(seqae.Batch.of(sequences))
    expected = [torch.cat([rows.mean(0), (rows.var(0, correction=0) + 1e-6).sqrt()]) for rows in sequences]
    torch.testing.assert_close(codes, torch.stack(expected), rtol=0, atol=1e-5)
