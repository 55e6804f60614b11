"""Official sets of pairs of texts, read from the files as they are published.

tatoeba_cmn_eng: sentences of https://tatoeba.org (CC BY 2.0 FR). taskmaster4_coffee: Byrne, Ganesh 2024,
https://github.com/google-research-datasets/Taskmaster (CC BY 4.0). chatterbot_corpus: Cox,
https://github.com/gunthercox/chatterbot-corpus (BSD).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml

from seqae.data.text.files import read_characters

Pair = tuple[str, str]


@dataclass(frozen=True)
class PairSet:
    """A data set: its files and how to read them.

    Attributes:
        files: Glob pattern of its files below the folder of all data sets.
        pairs_of: Maps the characters of a file to its pairs.
        address: URL of the publisher, for error messages.
    """

    files: str
    pairs_of: Callable[[str], Iterable[Pair]]
    address: str


def read_pair_set(name: str, data_root: str | Path) -> list[Pair]:
    """Return pairs of a source text and a target text, in the order of the files.

    Args:
        name: The data set: tatoeba_cmn_eng (a Chinese sentence and its English translation), taskmaster4_coffee (what a
            customer says and the reply), chatterbot_corpus (a turn of an English conversation and the next one).
        data_root: The folder with `tatoeba_cmn_eng/cmn.txt` (of cmn-eng.zip), `TM-4-2024/data/data_*.json` (as in a
            clone of Taskmaster) or `chatterbot_corpus/data/english/*.yml` (as in a clone of chatterbot-corpus, or
            where pip installs it). Each file may be gzipped.

    Raises:
        FileNotFoundError: No file is there; the message names its source.
        ValueError: There is no such set, or a file is not as published; names the file and the location in it.
    """
    if name not in PAIR_SETS:
        raise ValueError(f"no set of pairs {name!r}. Expected one of {', '.join(PAIR_SETS)}")
    known = PAIR_SETS[name]
    root = Path(data_root)
    files = sorted(root.glob(known.files)) or sorted(root.glob(f"{known.files}.gz"))
    if not files:
        raise FileNotFoundError(
            f"no {known.files} in {str(data_root)!r}. Put it there, gzipped or not: {known.address}"
        )
    pairs: list[Pair] = []
    for path in files:
        characters = read_characters(path)
        try:
            pairs += known.pairs_of(characters)
        except (ValueError, KeyError, TypeError, yaml.YAMLError) as error:
            raise ValueError(f"no file of {name} ({path.name}: {error}). Get it again: {known.address}") from error
    return [(first.strip(), second.strip()) for first, second in pairs if first.strip() and second.strip()]


def _tatoeba(characters: str) -> Iterator[Pair]:
    """Yield pairs of lines that hold an English sentence, a tab, its translation, and who wrote them."""

    def translation(line: str) -> Iterable[Pair]:
        english, chinese = line.split("\t")[:2]
        return [(chinese, english)]

    return _each("line", [line for line in characters.split("\n") if line.strip()], translation)


def _taskmaster(characters: str) -> Iterator[Pair]:
    """Yield pairs of a list of dialogues in JSON: what the user says, and what the assistant says next."""

    def replies(dialogue: Any) -> Iterable[Pair]:
        turns = [(turn["speaker"], _in_one_line(turn["text"])) for turn in dialogue["utterances"]]
        return [(said, reply) for (who, said), (then, reply) in pairwise(turns) if (who, then) == ("user", "assistant")]

    return _each("dialogue", json.loads(characters), replies)


def _chatterbot(characters: str) -> Iterator[Pair]:
    """Yield pairs of neighbouring turns of conversations in YAML."""

    def turns(conversation: Any) -> Iterable[Pair]:
        return pairwise([_in_one_line(turn) for turn in conversation])

    # All that this loader makes are texts, lists and mappings: a turn such as `Yes` or `1984` stays a text.
    return _each("conversation", yaml.load(characters, Loader=yaml.BaseLoader)["conversations"], turns)


def _each(unit: str, items: Iterable[Any], pairs_of: Callable[[Any], Iterable[Pair]]) -> Iterator[Pair]:
    """Yield the pairs of all items; an error names the number of the item, from 1."""
    for number, item in enumerate(items, start=1):
        try:
            yield from pairs_of(item)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{unit} {number}: {error!r}") from error


def _in_one_line(text: str) -> str:
    return " ".join(text.split())


PAIR_SETS = {
    "tatoeba_cmn_eng": PairSet("tatoeba_cmn_eng/cmn.txt", _tatoeba, "cmn-eng.zip of https://www.manythings.org/anki/"),
    "taskmaster4_coffee": PairSet(
        "TM-4-2024/data/data_*.json", _taskmaster, "https://github.com/google-research-datasets/Taskmaster"
    ),
    "chatterbot_corpus": PairSet(
        "chatterbot_corpus/data/english/*.yml", _chatterbot, "https://github.com/gunthercox/chatterbot-corpus"
    ),
}
