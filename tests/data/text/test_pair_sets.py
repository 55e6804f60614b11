"""Official sets of pairs, in miniature."""

import gzip
import json

import pytest

from seqae.data.text.pair_sets import read_pair_set


def test_tatoeba_gives_chinese_and_english(tmp_path):
    folder = tmp_path / "tatoeba_cmn_eng"
    folder.mkdir()
    lines = "Hi.\t嗨。\tCC-BY 2.0 (France) by somebody\nI'm ill.\t我病了。\tCC-BY\n"
    (folder / "cmn.txt.gz").write_bytes(gzip.compress(lines.encode()))
    assert read_pair_set("tatoeba_cmn_eng", tmp_path) == [("嗨。", "Hi."), ("我病了。", "I'm ill.")]


def test_taskmaster_gives_what_guests_say_and_the_replies(tmp_path):
    folder = tmp_path / "taskmaster4_coffee"
    folder.mkdir()
    turns = [["assistant", "yes?"], ["user", "a tea"], ["assistant", "sure"], ["user", "and milk"], ["user", "please"]]
    (folder / "dialogs.jsonl").write_text(json.dumps({"id": 1, "utterances": [*turns, ["assistant", "ok"]]}) + "\n")
    assert read_pair_set("taskmaster4_coffee", tmp_path) == [("a tea", "sure"), ("please", "ok")]


def test_chatterbot_gives_turns_without_their_category(tmp_path):
    folder = tmp_path / "chatterbot_corpus"
    folder.mkdir()
    (folder / "pairs_english.tsv").write_text("ai\tWhat is AI?\tA science.\nai\tempty reply\t \n")
    assert read_pair_set("chatterbot_corpus", tmp_path) == [("What is AI?", "A science.")]


def test_what_is_missing_or_damaged_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"no set of pairs 'tatoba'.*tatoeba_cmn_eng"):
        read_pair_set("tatoba", tmp_path)
    with pytest.raises(FileNotFoundError, match=r"cmn\.txt.*manythings"):
        read_pair_set("tatoeba_cmn_eng", tmp_path)
    folder = tmp_path / "taskmaster4_coffee"
    folder.mkdir()
    (folder / "dialogs.jsonl").write_text('{"utterances": []}\n{"utterances": [["user"]]}\n')
    with pytest.raises(ValueError, match=r"dialogs\.jsonl, line 2"):
        read_pair_set("taskmaster4_coffee", tmp_path)
