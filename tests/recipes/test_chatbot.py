"""The talk of the chatbot: what it says of its own faults."""

import runpy
from pathlib import Path

from seqae.seq2seq.decoding import BeamSearch, TokenSampling

RECIPE = Path(__file__).parents[2] / "recipes" / "text_chatbot" / "text_chatbot.py"


class Parrot:
    """Has one reply for each text, and another one when it draws."""

    def __init__(self, replies: dict[str, str]):
        self.known = replies
        self.source_vocabulary = self

    def unknown(self, text: str) -> list[str]:
        return [word for word in text.split() if word == "xyzzy"]

    def translate(self, texts: list[str], choose: BeamSearch | TokenSampling) -> list[str]:
        return ["drawn" if isinstance(choose, TokenSampling) else self.known[text] for text in texts]


def talked(monkeypatch, capsys, *said: str) -> list[str]:
    replies = {"hi": "hello", "hey": "hello", "what xyzzy": "fine", "loop": "no no no", "empty": ""}
    lines = iter([*said, ""])
    monkeypatch.setattr("builtins.input", lambda prompt: next(lines))
    runpy.run_path(str(RECIPE))["talk"](Parrot(replies), BeamSearch(2))
    return [line.strip() for line in capsys.readouterr().out.splitlines()[1:]]


def test_it_replies_and_names_words_that_it_does_not_know(monkeypatch, capsys):
    lines = talked(monkeypatch, capsys, "hi", "what xyzzy")
    assert lines == ["bot  hello", "(words that it does not know: xyzzy)", "bot  fine"]


def test_replies_that_are_empty_the_same_again_or_in_circles_are_told_and_drawn_anew(monkeypatch, capsys):
    lines = talked(monkeypatch, capsys, "hi", "hey", "loop", "empty")
    assert [line for line in lines if line.startswith("bot")] == ["bot  hello", *["bot  drawn"] * 3]
    assert [line.split(" to say")[0] for line in lines if line.startswith("(")] == [
        "(it had the same again",
        "(it had the same in circles",
        "(it had nothing",
    ]


def test_the_end_of_the_input_ends_the_talk(monkeypatch, capsys):
    def ended(prompt: str) -> str:
        raise EOFError

    monkeypatch.setattr("builtins.input", ended)
    runpy.run_path(str(RECIPE))["talk"](Parrot({}), BeamSearch(2))
    assert "empty line ends" in capsys.readouterr().out
