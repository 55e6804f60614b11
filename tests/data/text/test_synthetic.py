from collections import Counter

from seqae.data.text.synthetic import synthetic_reviews


def test_opinions_are_a_function_of_the_seed():
    assert synthetic_reviews(50, seed=1) == synthetic_reviews(50, seed=1) != synthetic_reviews(50, seed=2)


def test_both_opinions_occur_and_sentences_differ_in_length():
    texts, labels = synthetic_reviews(400)
    assert len(texts) == len(labels) == 400 and min(Counter(labels).values()) > 150
    lengths = [len(text.split()) for text in texts]
    assert min(lengths) >= 4 and max(lengths) > 2 * min(lengths)


def test_words_alone_do_not_tell_the_opinion():
    texts, labels = synthetic_reviews(2000)
    after_great = {label for text, label in zip(texts, labels) if "great" in text}
    assert after_great == {"positive", "negative"}
