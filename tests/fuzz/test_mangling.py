"""The fuzzer itself stays small, whatever it does to a file."""

import random

from fuzz.mangling import GROWTH, WORDS, mangled


def test_a_file_grows_by_no_more_than_a_few_replacements_add():
    data = b" ".join(WORDS) * 10
    for seed in range(300):  # each of four changes at most doubles a file, or adds a replacement
        assert len(mangled(data, data, random.Random(seed))) <= 16 * (len(data) + GROWTH), seed
