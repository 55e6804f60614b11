"""Pairs that are made up can be learnt, and are what they say."""

import re

from seqae.data.text.synthetic_pairs import synthetic_dialogues, synthetic_translations


def test_the_same_seed_gives_the_same_pairs():
    for make in (synthetic_dialogues, synthetic_translations):
        assert make(50, 1) == make(50, 1) != make(50, 2)
        assert len(set(make(500))) > 150


def test_translations_are_of_another_script_and_length():
    for chinese, english in synthetic_translations(200):
        assert re.fullmatch("[\u4e00-\u9fff]+。", chinese) and re.fullmatch(r"[a-z ]+\.", english)
    assert len({len(english.split()) - len(chinese) for chinese, english in synthetic_translations(200)}) > 3


def test_the_same_text_has_the_same_translation_and_orders_are_repeated_in_replies():
    known = {}
    for chinese, english in synthetic_translations(3000):
        assert known.setdefault(chinese, english) == english
    for text, reply in synthetic_dialogues(200):
        if found := re.search("(one|two|three|four|five|six) .*(?=[.])", text):
            assert found[0] in reply
