"""What was not judged is kept within bounds."""

from __future__ import annotations

import json
from pathlib import Path

from seqae.service.rejections import Rejection, RejectionFile


def test_rejections_are_appended_as_json_lines_until_the_file_is_full(tmp_path: Path):
    path = tmp_path / "new" / "bad.jsonl"
    bad = Rejection("values", "column 'a' holds text", 7, '1,"\ud800')
    for _ in range(2):
        with RejectionFile(path, max_bytes=300) as file:
            file.write([bad])
    lines = [json.loads(line) for line in path.read_text(encoding="ascii").splitlines()]
    assert [(each["reason"], each["line"], each["text"]) for each in lines] == [("values", 7, '1,"\ud800')] * 2
    with RejectionFile(path, max_bytes=300) as file:
        file.write([bad] * 1000)
        assert file.is_full
    assert 200 < path.stat().st_size <= 300
