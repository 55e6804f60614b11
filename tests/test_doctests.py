"""Examples in docstrings give what they show."""

import doctest
import importlib
from pathlib import Path

import pytest
import torch

import seqae

PACKAGE = Path(seqae.__file__).parent
MODULES = [
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
    for path in sorted(PACKAGE.rglob("*.py"))
    if "_recipes" not in path.parts and ">>> " in path.read_text(encoding="utf-8")
]
# Names that users meet first.
WITH_EXAMPLES = [
    "AnomalyDetector",
    "Autoencoder",
    "AutoregressiveDecoder",
    "Batch",
    "LogMel",
    "RecurrentEncoder",
    "SequenceDataset",
    "SequenceEncoder",
    "Vocabulary",
    "as_recordings",
    "encode",
    "fit",
    "make_loader",
]


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_names_that_are_met_first_have_an_example(name):
    assert ">>> " in (getattr(seqae, name).__doc__ or "")


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_give_what_they_show(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # some save
    try:
        module = importlib.import_module(name)
    except seqae.MissingExtra as error:
        pytest.skip(str(error))
    tests = [test for test in doctest.DocTestFinder().find(module) if test.examples]
    assert tests
    for test in tests:
        torch.manual_seed(0)
        report: list[str] = []
        doctest.DocTestRunner().run(test, out=report.append)
        assert not report, "".join(report)
