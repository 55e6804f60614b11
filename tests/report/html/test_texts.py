"""The page of texts holds what it is given, in any script, and runs none of it."""

import numpy as np

from seqae.report.html.texts import TextsPage, write_texts_page


def test_it_shows_the_table_the_texts_and_the_weights(tmp_path):
    page = TextsPage(
        "Chat & more",
        ["12 pairs"],
        [{"method": "ours", "BLEU": 0.25}, {"method": "theirs", "BLEU": None}],
        {"Replies": [("said", "reply"), ("<script>alert(1)</script>", "你好")]},
        [(["你", "好"], ["hello"], np.array([[1.0, 0.0]]))],
    )
    text = write_texts_page(page, tmp_path / "report.html").read_text(encoding="utf-8")
    for part in ("Chat &amp; more", "12 pairs", "ours", "0.25", "theirs", "Replies", "你好", "&lt;script&gt;", "hello"):
        assert part in text
    assert "<script>" not in text
    assert text.index("#0072B2ff") < text.index("#0072B200")


def test_without_texts_there_are_no_headings_for_them(tmp_path):
    path = write_texts_page(TextsPage("Chat", [], [{"method": "ours"}]), tmp_path / "report.html")
    assert "<h2>" not in path.read_text()
