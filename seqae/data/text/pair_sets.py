"""Official sets of pairs of texts, read from a folder that holds a folder for each.

tatoeba_cmn_eng: sentences of https://tatoeba.org (CC BY 2.0 FR). taskmaster4_coffee: Byrne, Ganesh 2024, of
https://github.com/google-research-datasets/Taskmaster (CC BY 4.0). chatterbot_corpus: Cox,
https://github.com/gunthercox/chatterbot-corpus (BSD).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

from seqae.data.text.files import read_characters

Pairs = list[tuple[str, str]]


def read_pair_set(name: str, data_root: str | Path) -> Pairs:
    """Return pairs of source and target texts, in the order of the file.

    Args:
        name: One of tatoeba_cmn_eng (Chinese and English), taskmaster4_coffee (what a guest says and the reply),
            chatterbot_corpus (sentences and replies).
        data_root: The folder that holds the folder `name`.

    Raises:
        FileNotFoundError: The file is not there; says where to get it.
        ValueError: There is no such set, or the file is damaged; names the line.
    """
    if name not in PAIR_SETS:
        raise ValueError(f"no set of pairs {name!r}. Expected one of {', '.join(PAIR_SETS)}")
    file, pairs_of, address = PAIR_SETS[name]
    found = [path for path in (Path(data_root) / name / file, Path(data_root) / name / f"{file}.gz") if path.is_file()]
    if not found:
        raise FileNotFoundError(f"no {name}/{file} in {str(data_root)!r}. Put it there, gzipped or not: {address}")
    pairs = []
    for number, line in enumerate(read_characters(found[0]).split("\n"), start=1):
        try:
            pairs += pairs_of(line) if line.strip() else []
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise ValueError(
                f"a line that is not of {name} ({found[0].name}, line {number}: {error}). Get the file again: {address}"
            ) from error
    return [(first.strip(), second.strip()) for first, second in pairs if first.strip() and second.strip()]


def _translated(line: str) -> Pairs:
    english, chinese = line.split("\t")[:2]
    return [(chinese, english)]


def _answered(line: str) -> Pairs:
    turns = [(str(who), str(text)) for who, text in json.loads(line)["utterances"]]
    return [(text, reply) for (who, text), (next_, reply) in pairwise(turns) if (who, next_) == ("user", "assistant")]


def _in_category(line: str) -> Pairs:
    _, first, second = line.split("\t")
    return [(first, second)]


PAIR_SETS: dict[str, tuple[str, Callable[[str], Pairs], str]] = {
    "tatoeba_cmn_eng": ("cmn.txt", _translated, "cmn-eng.zip of https://www.manythings.org/anki/"),
    "taskmaster4_coffee": (
        "dialogs.jsonl",
        _answered,
        'the dialogs of TM-4-2024 of Taskmaster, one a line: {"utterances": [["user", text], ["assistant", text]]}',
    ),
    "chatterbot_corpus": ("pairs_english.tsv", _in_category, "its turns, one pair a line: category TAB turn TAB reply"),
}
