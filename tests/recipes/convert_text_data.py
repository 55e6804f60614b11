"""Put condensed copies of the sets of replies into the layout in which they are published.

A copy may hold Taskmaster-4 as `taskmaster4_coffee/dialogs.jsonl.gz`, a dialogue a line, and the ChatterBot corpus as
`chatterbot_corpus/english_yml.zip`. The recipes read the published layout only; other sets are linked as they are.

    python tests/recipes/convert_text_data.py FROM TO
"""

import gzip
import json
import sys
import zipfile
from pathlib import Path


def convert(source: Path, target: Path) -> None:
    """Write both sets of replies of a folder below another one, and link all other sets there."""
    taskmaster(source / "taskmaster4_coffee" / "dialogs.jsonl.gz", target / "TM-4-2024" / "data" / "data_00.json")
    chatterbot(source / "chatterbot_corpus" / "english_yml.zip", target / "chatterbot_corpus" / "data" / "english")
    for folder in source.iterdir():
        if folder.is_dir() and folder.name not in ("taskmaster4_coffee", "chatterbot_corpus"):
            (target / folder.name).symlink_to(folder.resolve())


def taskmaster(source: Path, target: Path) -> None:
    """Write dialogues, one a line, as the list of objects of Taskmaster."""
    dialogues = []
    with gzip.open(source, "rt", encoding="utf-8") as lines:
        for line in lines:
            known = json.loads(line)
            turns = [{"speaker": speaker, "text": text} for speaker, text in known["utterances"]]
            dialogues.append({"conversation_id": known["id"], "scenario": known["scenario"], "utterances": turns})
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(dialogues, indent=1), encoding="utf-8")


def chatterbot(source: Path, target: Path) -> None:
    """Unpack the files of conversations."""
    target.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(source) as archive:
        for name in archive.namelist():
            if name.endswith(".yml"):
                (target / Path(name).name).write_bytes(archive.read(name))


if __name__ == "__main__":
    convert(Path(sys.argv[1]), Path(sys.argv[2]))
