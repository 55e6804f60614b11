"""The talk with a chatbot: degenerate replies are told and replaced."""

from chat import talk

from seqae.seq2seq import BeamSearch, TokenSampling


class Parrot:
    """Has one reply for each text, and another one when it draws."""

    def __init__(self, replies: dict[str, str]):
        self.known = replies
        self.source_vocabulary = self

    def unknown(self, text: str) -> list[str]:
        return [word for word in text.split() if word == "xyzzy"]

    def translate(self, texts: list[str], strategy: BeamSearch | TokenSampling) -> list[str]:
        return ["drawn" if isinstance(strategy, TokenSampling) else self.known[text] for text in texts]


def talked(monkeypatch, capsys, *said: str) -> list[str]:
    replies = {"hi": "hello", "hey": "hello", "what xyzzy": "fine", "loop": "no no no", "empty": ""}
    lines = iter([*said, ""])
    monkeypatch.setattr("builtins.input", lambda prompt: next(lines))
    talk(Parrot(replies), BeamSearch(2))
    return [line.strip() for line in capsys.readouterr().out.splitlines()[1:]]


def test_it_replies_and_names_words_that_it_does_not_know(monkeypatch, capsys):
    lines = talked(monkeypatch, capsys, "hi", "what xyzzy")
    assert lines == ["bot  hello", "(unknown words: xyzzy)", "bot  fine"]


def test_replies_that_are_empty_the_same_again_or_loops_are_told_and_drawn_anew(monkeypatch, capsys):
    lines = talked(monkeypatch, capsys, "hi", "hey", "loop", "empty")
    assert [line for line in lines if line.startswith("bot")] == ["bot  hello", *["bot  drawn"] * 3]
    assert [line.split(";")[0] for line in lines if line.startswith("(")] == [
        "(the best reply is the one before",
        "(the best reply repeats itself",
        "(the best reply is empty",
    ]


def test_the_end_of_the_input_ends_the_talk(monkeypatch, capsys):
    def ended(prompt: str) -> str:
        raise EOFError

    monkeypatch.setattr("builtins.input", ended)
    talk(Parrot({}), BeamSearch(2))
    assert "empty line ends" in capsys.readouterr().out
