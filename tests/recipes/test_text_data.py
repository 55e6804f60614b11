"""Condensed copies of sets of replies become the layout that is published."""

import gzip
import json
import zipfile
from pathlib import Path

from seqae.cli.recipes import load_script
from seqae.data import read_pair_set

SCRIPT = load_script(Path(__file__).with_name("convert_text_data.py"))


def test_what_is_converted_is_read_as_published(tmp_path):
    source, target = tmp_path / "from", tmp_path / "to"
    for name in ("taskmaster4_coffee", "chatterbot_corpus", "rt_polarity"):
        (source / name).mkdir(parents=True)
    dialogue = {"id": "1", "scenario": "tea", "utterances": [["user", "a tea"], ["assistant", "sure"]]}
    with gzip.open(source / "taskmaster4_coffee/dialogs.jsonl.gz", "wt") as lines:
        lines.write(json.dumps(dialogue) + "\n")
    with zipfile.ZipFile(source / "chatterbot_corpus/english_yml.zip", "w") as archive:
        archive.writestr("ai.yml", "conversations:\n- - What is AI?\n  - A science.\n")
    target.mkdir()
    SCRIPT.convert(source, target)
    assert read_pair_set("taskmaster4_coffee", target) == [("a tea", "sure")]
    assert read_pair_set("chatterbot_corpus", target) == [("What is AI?", "A science.")]
    assert (target / "rt_polarity").is_symlink()
