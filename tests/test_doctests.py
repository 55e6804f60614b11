"""Names of the public API that are met first have examples in their docstrings, and the examples are true."""

import doctest

import pytest
import torch

import seqae

WITH_EXAMPLES = [
    "Autoencoder",
    "AutoregressiveDecoder",
    "Batch",
    "RecurrentEncoder",
    "Vocabulary",
]


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_a_docstring_has_two_examples_or_more_and_they_give_what_they_show(name):
    torch.manual_seed(0)
    (test,) = [
        found
        for found in doctest.DocTestFinder(recurse=False).find(getattr(seqae, name), name, globs={})
        if found.examples
    ]
    assert sum(bool(example.want) for example in test.examples) >= 2, "fewer than two examples with a result"
    report: list[str] = []
    doctest.DocTestRunner().run(test, out=report.append)
    assert not report, "".join(report)
