"""Options made from a signature, and errors about them."""

import json
import os
from pathlib import Path
from typing import Literal, Unpack

import pytest

from seqae.cli.docstrings import argument_help
from seqae.cli.signature import call
from seqae.data import ReadingKeywords


def train(
    files: list[Path],
    *,
    epochs: int = 3,
    rate: float = 0.1,
    cell: Literal["lstm", "gru"] = "lstm",
    hidden_sizes: tuple[int, ...] = (64, 32),
    window: int | None = None,
    normal: str = "pump",
    smoke: bool = False,
) -> dict[str, object]:
    """Train a model.

    Example:
        train a.csv

    Args:
        files: what to
            learn from
        epochs: passes over the data
        rate: 100 % of the step

    Returns:
        What it was given.
    """
    return dict(locals())


def parse(line: str, **settings: object) -> dict[str, object]:
    return call(train, line.split(), prog="train", **settings)


def error_of(line: str, capsys: pytest.CaptureFixture[str], **settings: object) -> str:
    with pytest.raises(SystemExit) as end:
        parse(line, **settings)
    assert end.value.code == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.endswith(" See: train --help\n")
    assert printed.err.count("\n") == 1, "one line"
    return printed.err.removesuffix(" See: train --help\n")


def test_a_bare_command_line_gives_the_defaults_of_the_function():
    assert parse("a.csv") == train([Path("a.csv")])


@pytest.mark.parametrize(
    ("line", "name", "value"),
    [
        ("a.csv b.csv", "files", [Path("a.csv"), Path("b.csv")]),
        ("a --epochs 5", "epochs", 5),
        ("a --epochs=5", "epochs", 5),
        ("a --rate 1e-3", "rate", 1e-3),
        ("a --rate -0.5", "rate", -0.5),
        ("a --cell gru", "cell", "gru"),
        ("a --hidden-sizes 1 2 3", "hidden_sizes", (1, 2, 3)),
        ("a --hidden_sizes 1", "hidden_sizes", (1,)),
        ("a --window 7", "window", 7),
        ("a --normal 1e3", "normal", "1e3"),
        ("a --smoke", "smoke", True),
        ("--smoke a", "smoke", True),
        ("a --smoke --no-smoke", "smoke", False),
    ],
)
def test_options_reach_the_function_with_their_types(line: str, name: str, value: object):
    given = parse(line)[name]
    assert given == value
    assert type(given) is type(value)


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("a --epoch 5", "error: unrecognized arguments: --epoch 5. Did you mean --epochs?"),
        ("a --epoch=5", "error: unrecognized arguments: --epoch=5. Did you mean --epochs?"),
        ("a --zzz", "error: unrecognized arguments: --zzz."),
        ("a --config x.json", "error: unrecognized arguments: --config x.json."),
        ("a --epochs x", "error: --epochs: Expected int. Got value: x."),
        ("a --epochs 2.5", "error: --epochs: Expected int. Got value: 2.5."),
        ("a --epochs", "error: argument --epochs: expected one argument."),
        ("a --rate fast", "error: --rate: Expected float. Got value: fast."),
        ("a --cell ltsm", "error: --cell: Expected Literal['lstm', 'gru']. Got value: ltsm. Did you mean lstm?"),
        ("a --window 2.5", "error: --window: Expected one of int, null. Got value: 2.5."),
        ("a --hidden-sizes 1 x", "error: --hidden-sizes element 2: Expected int. Got value: x."),
        ("a --smoke=true", "error: argument --smoke/--no-smoke: ignored explicit argument 'true'."),
        ("", "error: the following arguments are required: files."),
    ],
)
def test_a_mistake_is_one_line_that_says_what_to_do(line: str, text: str, capsys: pytest.CaptureFixture[str]):
    assert error_of(line, capsys) == text


def test_one_word_too_many_is_named(capsys: pytest.CaptureFixture[str]):
    def greet(name: str) -> None: ...

    with pytest.raises(SystemExit):
        call(greet, ["you", "me"], prog="greet")
    assert capsys.readouterr().err == "error: unrecognized arguments: me. See: greet --help\n"


def test_help_shows_docstring_examples_and_defaults_but_no_sections_for_programmers(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as end:
        parse("--help")
    text = " ".join(capsys.readouterr().out.split())
    assert end.value.code == 0
    assert "Train a model. Example: train a.csv" in text
    assert "what to learn from" in text
    assert "--epochs N passes over the data (default: 3)" in text
    assert "100 % of the step (default: 0.1)" in text
    assert "(default: 64 32)" in text
    assert "Args:" not in text
    assert "What it was given" not in text


def test_a_keyword_without_default_must_be_given(capsys: pytest.CaptureFixture[str]):
    def copy(*, target: Path) -> Path:
        return target

    assert call(copy, ["--target", "x"], prog="copy") == Path("x")
    with pytest.raises(SystemExit):
        call(copy, [], prog="copy")
    assert capsys.readouterr().err == "error: the following arguments are required: target. See: copy --help\n"


def test_all_words_after_the_first_are_left_to_another_command():
    def run(name: str, *options: str) -> tuple[str, ...]:
        return (name, *options)

    words = ["x", "--help", "--epochs", "3", "y"]
    assert call(run, words, prog="run") == tuple(words)


def test_a_configuration_file_gives_options_and_the_command_line_wins(tmp_path: Path):
    json_file, yaml_file = tmp_path / "a.json", tmp_path / "a.yaml"
    json_file.write_text(json.dumps({"epochs": 9, "hidden_sizes": [5], "smoke": True}))
    yaml_file.write_text("epochs: 9\nhidden_sizes: [5]\nsmoke: true\n")
    for file in (json_file, yaml_file):
        given = parse(f"a.csv --config {file} --rate 2", config=True)
        assert (given["epochs"], given["hidden_sizes"], given["smoke"], given["rate"]) == (9, (5,), True, 2.0)
        assert parse(f"a.csv --config {file} --epochs 1", config=True)["epochs"] == 1


def test_the_printed_configuration_can_be_read_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    options = "a.csv --epochs 7 --hidden-sizes 3 4 --window 2 --normal null --smoke"
    with pytest.raises(SystemExit) as end:
        parse(f"{options} --print-config", config=True)
    assert end.value.code == 0
    file = tmp_path / "printed.yaml"
    file.write_text(capsys.readouterr().out)
    assert parse(f"a.csv --config {file}", config=True) == parse(options)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("epochs: x", "error: --epochs: Expected int. Got value: x (in {file})."),
        ("epoch: 3", "error: Option 'epoch' is not accepted (in {file}). Did you mean epochs?"),
    ],
)
def test_a_mistake_in_a_configuration_names_the_file(
    content: str, text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    file = tmp_path / "bad.yaml"
    file.write_text(content)
    assert error_of(f"a.csv --config {file}", capsys, config=True) == text.format(file=file)


@pytest.mark.parametrize("content", ["{", "hidden_sizes: 5", "[1, 2]", None])
def test_an_unreadable_configuration_is_one_line_with_its_name(
    content: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    file = tmp_path / "bad.yaml"
    if content is not None:
        file.write_text(content)
    assert str(file) in error_of(f"a.csv --config {file}", capsys, config=True)


def test_a_configuration_cannot_run_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    file, proof = tmp_path / "evil.yaml", tmp_path / "proof"
    file.write_text(f"normal: !!python/object/apply:os.mkdir ['{proof}']\n")
    error_of(f"a.csv --config {file}", capsys, config=True)
    assert not proof.exists()


def test_argument_help_joins_lines_and_stops_at_the_next_section():
    docstring = "Do.\n\nArgs:\n    first: one\n        two\n    *rest: three: four\n\nReturns:\n    other: five\n"
    assert argument_help(docstring) == {"first": "one two", "rest": "three: four"}
    assert argument_help("Nothing here.") == {}


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"rate: null", "--rate is null. Give a value, or leave it out (in {file})"),
        (b"hidden_sizes: null", "--hidden-sizes is null. Give a value, or leave it out (in {file})"),
        (b"rate: \xff", "not YAML or JSON ('utf-8' codec can't decode byte 0xff in position 6: invalid start byte)"),
        (b"y" * 900 + b": 1", "Option '" + "y" * 99 + "... is not accepted (in {file})"),
        (b"a: !!int x", "not YAML or JSON (invalid literal for int() with base 10: 'x') (in {file})"),
        (b"x" * 2**21, "not YAML or JSON ({file} has more than 1,048,576 bytes"),
        (None, "not YAML or JSON ({file} is a pipe"),
    ],
)
def test_a_damaged_configuration_is_named(
    content: bytes | None, text: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
):
    file = tmp_path / "c.yaml"
    if content is None:
        os.mkfifo(file)
    else:
        file.write_bytes(content)
    assert text.format(file=file) in error_of(f"a.csv --config {file}", capsys, config=True)


def test_null_in_a_configuration_stands_for_none_where_that_is_a_value(tmp_path: Path):
    (tmp_path / "c.yaml").write_text("window: null")
    assert parse(f"a.csv --config {tmp_path / 'c.yaml'}", config=True)["window"] is None


def test_a_mistake_in_the_reading_options_of_a_configuration_names_it(tmp_path: Path):
    def show(**reading: Unpack[ReadingKeywords]) -> dict[str, object]:
        return dict(reading)

    (tmp_path / "c.yaml").write_text("reading: {sort: 3}")
    with pytest.raises(ValueError, match=r"sort is 3 \(.*c\.yaml\)\. Expected true or false"):
        call(show, ["--config", str(tmp_path / "c.yaml")], prog="show", config=True)


QUICK = {"epochs": 1, "hidden_sizes": (4,), "normal": ""}


def test_quick_puts_its_values_in_place_of_the_defaults_wherever_it_stands():
    usual, small = parse("a", quick=QUICK), {**parse("a"), **QUICK}
    assert usual == parse("a")
    assert parse("a --quick", quick=QUICK) == parse("--quick a", quick=QUICK) == small
    assert parse("a --epochs 7 --quick", quick=QUICK) == parse("--quick a --epochs 7", quick=QUICK)
    assert parse("a --epochs 7 --quick", quick=QUICK) == {**small, "epochs": 7}


def test_quick_says_in_the_help_what_it_stands_for(capsys):
    with pytest.raises(SystemExit):
        parse("--help", quick=QUICK)
    told = " ".join(capsys.readouterr().out.split())
    assert 'the defaults are then: --epochs 1 --hidden-sizes 4 --normal ""' in told


def test_what_quick_stands_for_is_printed_as_a_file_that_repeats_it(tmp_path, capsys):
    with pytest.raises(SystemExit):
        parse("a --quick --print-config", config=True, quick=QUICK)
    (tmp_path / "c.yaml").write_text(printed := capsys.readouterr().out)
    assert "quick" not in printed
    again = parse(f"a --config {tmp_path / 'c.yaml'}", config=True, quick=QUICK)
    assert again == parse("a --quick", quick=QUICK)
    (tmp_path / "c.yaml").write_text("quick: true\n")
    assert "a file cannot hold quick" in error_of(f"a --config {tmp_path / 'c.yaml'}", capsys, config=True, quick=QUICK)


def test_quick_is_unknown_where_there_is_nothing_that_it_stands_for(capsys):
    assert "--quick" in error_of("a --quick", capsys)
