"""Against numbers computed by the reference implementations: pycocoevalcap 1.2 (CIDEr-D) and jiwer 4."""

import json
from pathlib import Path

import pytest

from seqae.text.caption_metrics import cider_d, word_error_rate

CASES = json.loads(Path(__file__).with_name("caption_scores.json").read_text())


@pytest.mark.parametrize("case", CASES, ids=range(len(CASES)))
def test_scores_are_those_of_the_reference_implementations(case):
    captions, references = case["captions"], case["references"]
    assert cider_d(captions, references) == pytest.approx(case["cider_d"], abs=1e-9)
    assert word_error_rate(captions, [truths[0] for truths in references]) == pytest.approx(case["wer"], abs=1e-9)


def test_the_right_caption_has_the_best_score():
    truths = ["a ring moves left", "a bar moves up and down", "two cats sleep on a mat"]
    references = [[truth] for truth in truths]
    assert cider_d(truths, references) == pytest.approx(10)
    assert word_error_rate(truths, truths) == 0


def test_nothing_in_common_has_the_worst():
    captions, references = ["red", "blue"], [["a ring moves"], ["a bar moves"]]
    assert cider_d(captions, references) == 0
    assert word_error_rate(["a b c d e f", "", "x"], ["x", "y z", "x"]) == pytest.approx((6 + 2) / 4)


@pytest.mark.parametrize("references", [[["a ring"]], [["a ring"], []], [["a ring"], [" "]], [["a ring"], "a bar"]])
def test_captions_without_references_are_refused(references):
    with pytest.raises(ValueError, match=r"Expected|clip 1"):
        cider_d(["a ring", "a bar"], references)
