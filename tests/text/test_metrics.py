import json
import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

from seqae.losses import token_cross_entropy
from seqae.text.metrics import bleu, chrf, distinct, exact_match, perplexity, token_accuracy

TRUTHS = ["the cat sat on the mat today", "a dog was here with us"]
CASES = json.loads(Path(__file__).with_name("caption_scores.json").read_text())
WRITTEN = ["the cat sat on a mat", "a dog was here"]


def grams(text: str, size: int) -> Counter:
    words = text.split()
    return Counter(tuple(words[at : at + size]) for at in range(len(words) - size + 1))


def test_bleu_is_the_formula_of_the_paper():
    logs = []
    for size in range(1, 5):
        right = sum((grams(w, size) & grams(t, size)).total() for w, t in zip(WRITTEN, TRUTHS))
        logs.append(math.log(right / sum(grams(w, size).total() for w in WRITTEN)))
    brevity = min(0, 1 - sum(len(t.split()) for t in TRUTHS) / sum(len(w.split()) for w in WRITTEN))
    assert bleu(WRITTEN, TRUTHS) == pytest.approx(math.exp(brevity + sum(logs) / 4))


@pytest.mark.parametrize("case", CASES, ids=range(len(CASES)))
def test_bleu_with_several_references_is_that_of_the_coco_evaluation(case):
    """Numbers of pycocoevalcap 1.2; texts have different numbers of references."""
    assert bleu(case["captions"], case["references"], tokenize="none") == pytest.approx(case["bleu4"], abs=1e-9)


def test_one_reference_may_be_given_without_a_list():
    assert bleu(WRITTEN, TRUTHS) == bleu(WRITTEN, [[truth] for truth in TRUTHS])


def test_perfect_texts_score_one_and_wrong_ones_nothing():
    assert bleu(TRUTHS, TRUTHS) == pytest.approx(1) and chrf(TRUTHS, TRUTHS) == pytest.approx(1)
    assert bleu(["x", "y"], TRUTHS) == 0 and chrf(["", ""], TRUTHS) == 0


def test_tokens_that_were_not_written_are_wrong_and_more_of_them_do_not_help():
    assert token_accuracy([[1, 2], [4, 9, 9, 9]], [[1, 2, 3], [4]]) == pytest.approx(3 / 4)
    assert exact_match([[1, 2], [4]], [[1, 2, 3], [4]]) == 0.5


def test_perplexity_of_equal_chances_is_their_number():
    assert perplexity(token_cross_entropy(torch.zeros(5, 7), torch.arange(5)).numpy()) == pytest.approx(7)
    assert perplexity(np.log([2.0, 8.0])) == pytest.approx(4)


def test_distinct_counts_different_ngrams():
    assert distinct([["i", "do", "i", "do"]], 1) == 0.5
    assert distinct([["i", "do", "i", "do"]], 2) == pytest.approx(2 / 3)
    assert distinct([["i"]], 2) == 0


def test_as_many_texts_as_truths_are_wanted():
    for score in (bleu, chrf, exact_match, token_accuracy):
        with pytest.raises(ValueError, match="1 predictions for 2 references"):
            score(["a"], ["a", "b"])
