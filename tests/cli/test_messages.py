"""Exit codes and the one line about an error."""

import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from seqae._extras import MissingExtra, require
from seqae.cli.messages import did_you_mean, existing, in_shell_words, plain_errors, rewording


def end_of(error: BaseException, debug: bool = False) -> int | None:
    """The exit code after an error."""
    with pytest.raises(SystemExit) as end, plain_errors(debug):
        raise error
    return end.value.code


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (ValueError("no rows (a.csv).\n  Give some"), 2, "error: no rows (a.csv). Give some\n"),
        (FileNotFoundError("no file a.csv"), 2, "error: no file a.csv\n"),
        (
            PermissionError(13, "Permission denied", "a.csv"),
            2,
            "error: Permission denied (a.csv). Use another path, or ask for permission to use this one\n",
        ),
        (
            OSError(28, "No space left on device", "a.csv"),
            2,
            "error: No space left on device (a.csv). Make room, or write elsewhere\n",
        ),
        (
            MemoryError("for an array"),
            2,
            "error: not enough memory (for an array). Give less at a time, or use a machine with more\n",
        ),
        (FloatingPointError("the loss is not finite at step 3"), 2, "error: the loss is not finite at step 3\n"),
        (MissingExtra("the report needs bokeh"), 2, "error: the report needs bokeh\n"),
        (ValueError("no column '\x1b[2J\x07'"), 2, "error: no column '?[2J?'\n"),  # not for the terminal
        (KeyboardInterrupt(), 130, "stopped\n"),
    ],
)
def test_what_a_user_can_mend_is_one_line(
    error: BaseException, code: int, text: str, capsys: pytest.CaptureFixture[str]
):
    assert end_of(error) == code
    assert capsys.readouterr().err == text


def test_a_bug_says_so_and_how_to_see_more(capsys: pytest.CaptureFixture[str]):
    assert end_of(IndexError("list index out of range")) == 1
    text = capsys.readouterr().err
    assert text.startswith("error: IndexError: list index out of range (test_messages.py, line ")
    assert text.endswith("add --debug to see how it came about\n")
    assert text.count("\n") == 1


@pytest.mark.parametrize("error", [ValueError("mine"), IndexError("ours")])
def test_debug_shows_the_traceback_before_the_line(error: Exception, capsys: pytest.CaptureFixture[str]):
    end_of(error, debug=True)
    text = capsys.readouterr().err
    assert text.startswith("Traceback")
    assert text.splitlines()[-1].startswith("error: ")


def test_a_warning_is_one_line_without_the_place_in_the_program():
    before = warnings.formatwarning
    with plain_errors(debug=False):
        text = warnings.formatwarning("rows are not sorted.\n  Sort them", UserWarning, "fitting.py", 7)
    assert text == "warning: rows are not sorted. Sort them\n"
    assert warnings.formatwarning is before


def test_exits_are_left_alone(capsys: pytest.CaptureFixture[str]):
    assert end_of(SystemExit(7)) == 7
    assert capsys.readouterr().err == ""


def test_a_reader_that_has_gone_is_no_error():
    program = (
        "from seqae.cli.messages import plain_errors\n"
        "with plain_errors(debug=False):\n"
        "    for _ in range(1000): print('x' * 1000)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


def test_missing_files_are_named_with_their_nearest_neighbour(tmp_path: Path):
    (tmp_path / "pump_7.csv").touch()
    with pytest.raises(FileNotFoundError, match=r"no file or folder pump7.csv \(in .*\)\. Did you mean pump_7.csv\?"):
        existing(tmp_path / "pump7.csv")
    with pytest.raises(FileNotFoundError, match=r"there is no folder .*nowhere"):
        existing(tmp_path / "nowhere" / "a.csv")
    with pytest.raises(ValueError, match=r"http:/example\.com/model is an address"):
        existing(Path("http://example.com/model"))
    assert existing(tmp_path / "pump_7.csv") == tmp_path / "pump_7.csv"


def test_did_you_mean_is_silent_about_strangers():
    assert did_you_mean("scroe", ["score", "ls"]) == " Did you mean score?"
    assert did_you_mean("xyz", ["score", "ls"]) == ""


def test_a_missing_extra_tells_the_pip_line(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit), plain_errors(debug=False):
        require("no_such_package", extra="report", purpose="the report")
    assert "Install: pip install 'seqae[report]'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("python", "shell"),
    [
        ("window=0, stride=1. Expected rows", "--window 0, stride=1. Expected rows"),
        ("cut a long table with window=..., the number of rows", "cut a long table with --window, the number of rows"),
        ("Give window=....", "Give --window."),
        ("time_column='clock', but", "--time-column clock, but"),
        ("leave the column out: ignore=['flow', 'label']", "leave the column out: --ignore flow label"),
        ("leave it out: ignore=('flow',)", "leave it out: --ignore flow"),
        ("say tokens=True.", "say --tokens."),
        ("say tokens=False.", "say --no-tokens."),
        ("random_state=-1. Expected", "--seed -1. Expected"),
        ("validation_fraction=1.5. Expected", "validation_fraction=1.5. Expected"),
        ("batch_size=0.5. Expected", "--batch-size 0.5. Expected"),
        ("the SHA-256 is a window=", "the SHA-256 is a --window"),
        ("max_window=3", "max_window=3"),
    ],
)
def test_parameters_of_python_are_named_as_options(python: str, shell: str):
    options = {
        "window": "--window",
        "time_column": "--time-column",
        "ignore": "--ignore",
        "tokens": "--tokens",
        "random_state": "--seed",
        "batch_size": "--batch-size",
    }
    assert in_shell_words(python, options) == shell
    with pytest.raises(ValueError, match=r".") as caught, rewording(lambda text: in_shell_words(text, options)):
        raise ValueError(python)
    assert str(caught.value) == shell


def test_rewording_leaves_errors_of_the_system_as_they_are():
    with pytest.raises(OSError, match="full") as caught, rewording(lambda text: "other"):
        raise OSError(28, "full", "a.csv")
    assert caught.value.args == (28, "full")
