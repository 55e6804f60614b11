"""How well captions agree with the true ones."""

from seqae.text import bleu, cider_d, exact_match, token_accuracy, word_error_rate


def evaluate(written: list[str], truth: list[str]) -> dict[str, float]:
    """Return how well captions agree with the true ones."""
    return {
        "words in place": token_accuracy([text.split() for text in written], [text.split() for text in truth]),
        "exact": exact_match(written, truth),
        "word error rate": word_error_rate(written, truth),
        "BLEU-4": bleu(written, truth, tokenize="none"),
        "CIDEr-D": cider_d(written, [[text] for text in truth]),
    }
