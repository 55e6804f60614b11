"""Official sets of pairs, in miniature, as they are published."""

import gzip
import json
from pathlib import Path

import pytest

from seqae.data.text.pair_sets import read_pair_set


def written(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def dialogue(*turns: tuple[str, str]) -> dict[str, object]:
    return {
        "conversation_id": "dlg-1",
        "vertical": "Coffee",
        "instructions": None,
        "utterances": [
            {"index": index, "speaker": speaker, "text": text, "segments": [], "annotations": []}
            for index, (speaker, text) in enumerate(turns)
        ],
    }


def test_tatoeba_gives_chinese_and_english(tmp_path):
    lines = "Hi.\t嗨。\tCC-BY 2.0 (France) by somebody\nI'm ill.\t我病了。\tCC-BY\n"
    written(tmp_path / "tatoeba_cmn_eng/cmn.txt.gz", gzip.compress(lines.encode()))
    assert read_pair_set("tatoeba_cmn_eng", tmp_path) == [("嗨。", "Hi."), ("我病了。", "I'm ill.")]


def test_taskmaster_gives_what_customers_say_and_the_replies_file_after_file(tmp_path):
    user, assistant = "user", "assistant"
    first = dialogue((assistant, "yes?"), (user, "a  tea"), (assistant, "sure"), (user, "and milk"), (user, "please"),
                     (assistant, "ok"))  # fmt: skip
    written(tmp_path / "TM-4-2024/data/data_01.json", json.dumps([dialogue((user, "bye"), (assistant, "bye\n!"))]))
    written(tmp_path / "TM-4-2024/data/data_00.json", json.dumps([first, dialogue()]))
    written(tmp_path / "TM-4-2024/reward/reward_00.json", "no dialogues")
    expected = [("a tea", "sure"), ("please", "ok"), ("bye", "bye !")]
    assert read_pair_set("taskmaster4_coffee", tmp_path) == expected


def test_chatterbot_gives_neighbouring_turns_and_takes_every_scalar_for_a_text(tmp_path):
    conversations = (
        "- - What is AI?\n  - A science.\n  - Since when?\n  - 1956\n- - Yes?\n  - No\n- - empty reply\n  - ''\n"
    )
    written(tmp_path / "chatterbot_corpus/data/english/ai.yml", f"categories:\n- AI\nconversations:\n{conversations}")
    written(tmp_path / "chatterbot_corpus/data/german/ki.yml", "conversations:\n- - Wie?\n  - So.\n")
    expected = [("What is AI?", "A science."), ("A science.", "Since when?"), ("Since when?", "1956"), ("Yes?", "No")]
    assert read_pair_set("chatterbot_corpus", tmp_path) == expected


def test_a_file_of_conversations_makes_no_objects(tmp_path):
    path = written(
        tmp_path / "chatterbot_corpus/data/english/ai.yml",
        f"conversations:\n- - hi\n  - !!python/object/apply:pathlib.Path.touch [{tmp_path}/made]\n",
    )
    with pytest.raises(ValueError, match=r"ai\.yml: conversation 1"):
        read_pair_set("chatterbot_corpus", path.parents[3])
    assert not (tmp_path / "made").exists()


def test_sets_that_are_unknown_or_missing_are_named(tmp_path):
    with pytest.raises(ValueError, match=r"no set of pairs 'tatoba'.*tatoeba_cmn_eng"):
        read_pair_set("tatoba", tmp_path)
    with pytest.raises(FileNotFoundError, match=r"no tatoeba_cmn_eng/cmn\.txt in .*manythings"):
        read_pair_set("tatoeba_cmn_eng", tmp_path)


@pytest.mark.parametrize(
    "name, file, content, message",
    [
        ("tatoeba_cmn_eng", "tatoeba_cmn_eng/cmn.txt", "Hi.\t嗨。\nno tab\n", r"cmn\.txt: line 2"),
        ("taskmaster4_coffee", "TM-4-2024/data/data_00.json", "[{", r"data_00\.json: .*line 1"),
        ("taskmaster4_coffee", "TM-4-2024/data/data_00.json", '[{"utterances": []}, {}]', r"dialogue 2: .*utterances"),
        ("taskmaster4_coffee", "TM-4-2024/data/data_00.json", '[{"utterances": [{"speaker": 1, "text": 2}]}]', "e 1: "),
        ("chatterbot_corpus", "chatterbot_corpus/data/english/ai.yml", "conversations: [", r"ai\.yml: .*line 1"),
        ("chatterbot_corpus", "chatterbot_corpus/data/english/ai.yml", "categories: []", r"ai\.yml: .*conversations"),
    ],
)
def test_a_file_that_is_not_as_published_is_named_with_the_place_in_it(tmp_path, name, file, content, message):
    written(tmp_path / file, content)
    with pytest.raises(ValueError, match=f"(?s)no file of {name} .*{message}"):
        read_pair_set(name, tmp_path)
