"""How near restored texts come to the true ones, and what a linear classifier reads off their codes."""

import numpy as np
from sklearn.linear_model import RidgeClassifierCV
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import seqae
from seqae.generation import interpolate
from seqae.text import bleu, exact_match, token_accuracy

FEW_TOKENS = 10  # of a short text


def text_scores(vocabulary: seqae.BytePairs, written: list[str], texts: list[str]) -> dict[str, float]:
    """Return how near restored texts come to the true ones, from 0 to 1."""
    restored, true = ([vocabulary.encode(text)[:-1].tolist() for text in part] for part in (written, texts))
    texts = [vocabulary.decode(each) for each in true]
    few = [index for index, tokens in enumerate(true) if len(tokens) <= FEW_TOKENS]
    return {
        "token accuracy": token_accuracy(restored, true),
        "exact": exact_match(written, texts),
        f"exact to {FEW_TOKENS} tokens": exact_match([written[i] for i in few], [texts[i] for i in few]),
        "BLEU": bleu(written, texts),
    }


def probe(codes: np.ndarray, classes: np.ndarray) -> float:
    """Return the accuracy of a linear classifier of codes, mean of five folds."""
    classifier = RidgeClassifierCV(np.logspace(0, 5, 11))
    return float(cross_val_score(make_pipeline(StandardScaler(), classifier), codes, classes, cv=5).mean())


def examples(autoencoder: seqae.SequenceAutoencoder, texts: list[str]) -> str:
    """Return texts, each with itself restored, and what lies between the codes of the first two, as lines."""
    codes = autoencoder.encode(texts)
    lines = [line for text, restored in zip(texts, autoencoder.decode(codes)) for line in (text, f"    {restored}")]
    lines += ["", "Between the codes of the first two:", *autoencoder.decode(interpolate(codes[:1], codes[1:2], 6)[0])]
    return "\n".join([*lines, ""])
