import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import seqae
from seqae.text.tokenizers import CharacterTokenizer, FunctionTokenizer, WordTokenizer
from seqae.text.vocabulary import END, START, UNKNOWN, BytePairs, Vocabulary

TEXTS = ["the cat sat .", "the cat saw the dog !", "a dog"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Don't pay $3.14, or 1,000!", ["Don't", "pay", "$", "3.14", ",", "or", "1,000", "!"]),
        ("cafe\u0301 nai\u0308ve", ["cafe\u0301", "nai\u0308ve"]),
        ("हिन्दी भाषा", ["हिन्दी", "भाषा"]),
        ("שלום עולם", ["שלום", "עולם"]),
        ("می\u200cخواهم", ["می\u200cخواهم"]),  # noqa: RUF001
        ("你好，world", ["你", "好", "，", "world"]),  # noqa: RUF001
        ("👩\u200d👩\u200d👧👍🏽🇩🇪🇫🇷", ["👩\u200d👩\u200d👧", "👍🏽", "🇩🇪", "🇫🇷"]),
        (" \t ", []),
    ],
)
def test_words_of_many_scripts(text, words):
    assert WordTokenizer().split(text) == words


@given(st.text())
def test_words_lose_nothing_but_white_space(text):
    words = WordTokenizer()
    assert "".join(words.split(text)) == "".join(text.split())
    assert "".join(words.join(words.split(text)).split()) == "".join(text.split())


@pytest.mark.parametrize("text", ["Well, (so it is) done!", "你好，世界！", "either/or: #one [two]"])  # noqa: RUF001
def test_common_texts_are_joined_as_they_were(text):
    assert WordTokenizer().join(WordTokenizer().split(text)) == text


def test_small_letters_only_if_asked():
    assert WordTokenizer(lower=True).split("The END") == ["the", "end"] and WordTokenizer().split("The END") == [
        "The",
        "END",
    ]


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_characters_come_back_exactly(text):
    vocabulary = Vocabulary(CharacterTokenizer()).fit([text, "x"])
    assert vocabulary.decode(vocabulary.encode(text)) == text


def test_frequent_words_have_small_ids_and_the_order_is_the_same_each_time():
    vocabulary = Vocabulary().fit(TEXTS)
    assert vocabulary.tokens_ == ["the", "cat", "dog", "!", ".", "a", "sat", "saw"]
    assert vocabulary.encode("the dog").tolist() == [3, 5, END]
    assert len(vocabulary) == 3 + 8


def test_words_are_limited_by_number_and_by_count():
    assert Vocabulary(max_size=2).fit(TEXTS).tokens_ == ["the", "cat"]
    assert Vocabulary(min_frequency=2).fit(TEXTS).tokens_ == ["the", "cat", "dog"]
    with pytest.raises(ValueError, match=r"no words.*4 times or more.*smaller min_frequency"):
        Vocabulary(min_frequency=4).fit(TEXTS)


def test_unknown_words_are_named_and_shown():
    vocabulary = Vocabulary().fit(TEXTS)
    assert vocabulary.unknown("the bird ate the bird") == ["bird", "ate"]
    tokens = vocabulary.encode("the bird")
    assert tokens.tolist() == [3, UNKNOWN, END]
    assert vocabulary.decode(tokens) == "the <unknown>"


def test_decoding_stops_at_the_end_and_refuses_unknown_ids():
    vocabulary = Vocabulary().fit(TEXTS)
    assert vocabulary.decode([START, 3, 4, END, 5, 5]) == "the cat"
    assert vocabulary.decode([]) == ""
    with pytest.raises(ValueError, match=r"token 99.*0 to 10"):
        vocabulary.decode([99])


def test_even_an_empty_text_is_a_sequence():
    assert Vocabulary().fit(TEXTS).encode("").tolist() == [END]


def test_fitting_again_forgets_the_words_before():
    vocabulary = Vocabulary().fit(TEXTS)
    vocabulary.encode("the")
    assert vocabulary.fit(["new words"]).unknown("the new") == ["the"]


def test_what_is_not_fitted_says_so():
    for vocabulary in (Vocabulary(), BytePairs()):
        with pytest.raises(ValueError, match="fit"):
            vocabulary.encode("the")


@pytest.mark.parametrize(
    "make", [Vocabulary, lambda: Vocabulary(CharacterTokenizer(), max_size=9), lambda: BytePairs(300)]
)
def test_a_vocabulary_is_saved_and_loaded(make, tmp_path):
    vocabulary = make().fit(TEXTS)
    vocabulary.encode("the cat")  # what is remembered for speed must not be in the way
    loaded = seqae.load(seqae.save(vocabulary, tmp_path / "words"))
    assert len(loaded) == len(vocabulary)
    assert torch.equal(loaded.encode("the cat sneezed ."), vocabulary.encode("the cat sneezed ."))
    assert loaded.decode(loaded.encode("the dog")) == "the dog"


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_byte_pairs_know_everything(text):
    tokens = PIECES.encode(text)
    assert PIECES.decode(tokens) == text and tokens[-1] == END and not {UNKNOWN, START, END} & {*tokens[:-1].tolist()}


PIECES = BytePairs(300).fit(TEXTS)


def test_byte_pairs_take_names_of_special_tokens_for_text():
    text = "<end> of <unknown> <start>"
    assert PIECES.decode(PIECES.encode(text)) == text


def test_frequent_pieces_are_short():
    assert len(PIECES.encode("the cat")) < len(PIECES.encode("zyx wvu"))


class TorchtextVocabulary:
    """Looks like torchtext.vocab.Vocab."""

    def get_itos(self):
        return ["<unk>", "<pad>", "cat", "the"]


def test_a_vocabulary_of_torchtext_keeps_its_words_and_their_order():
    vocabulary = Vocabulary.from_torchtext(TorchtextVocabulary())
    assert vocabulary.encode("the cat").tolist() == [4, 3, END] and vocabulary.unknown("the dog") == ["dog"]
    assert vocabulary.decode(vocabulary.encode("the cat")) == "the cat"


def test_a_function_is_a_tokenizer():
    spaces = Vocabulary(FunctionTokenizer(str.split)).fit(["don't stop,", "stop, now"])
    assert spaces.tokens_ == ["stop,", "don't", "now"] and spaces.decode(spaces.encode("now stop,")) == "now stop,"
