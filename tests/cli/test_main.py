"""The command `seqae` as a whole."""

import subprocess
import sys
from collections.abc import Callable

import pytest

import seqae
from seqae.cli import COMMANDS


def test_help_imports_nothing_heavy():
    program = (
        "import sys; from seqae.cli import main; main(['--help'])\n"
        "heavy = {'torch', 'pandas', 'lightning', 'numpy', 'rich', 'jsonargparse'} & set(sys.modules)\n"
        "sys.exit(', '.join(heavy) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.returncode == 0


def test_no_command_imports_torch_or_pandas_before_its_arguments_are_understood():
    program = (
        "import sys; from seqae.cli import main\n"
        "for line in sys.argv[1:]:\n"
        "    try: main(line.split())\n"
        "    except SystemExit: pass\n"
        "    if heavy := {'torch', 'pandas', 'lightning'} & set(sys.modules): sys.exit(f'{line}: {heavy}')"
    )
    lines = [*(f"{command} --help" for command in COMMANDS), "ls", "score --nothing"]
    done = subprocess.run([sys.executable, "-c", program, *lines], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "--nothing" in done.stderr, "the last line was not reached"


def test_help_lists_every_command_with_what_it_does(command: Callable):
    lines = command().out.splitlines()
    assert command("--help").out.splitlines() == lines
    for name in COMMANDS:
        (line,) = (line for line in lines if line.startswith(f"{name} "))
        assert len(line.split()) > 2


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_a_command_has_an_example_that_begins_with_it(name: str, command: Callable):
    done = command(name, "--help")
    assert done.code == 0
    assert f"\nExample:\nseqae {name}" in done.out


def test_an_unknown_command_is_met_with_the_nearest_one(command: Callable):
    done = command("scroe", "a.csv")
    assert (done.code, done.err) == (2, "error: unknown command scroe. Did you mean score? See: seqae --help\n")


def test_version_is_that_of_the_package(command: Callable):
    assert command("--version").out == f"seqae {seqae.__version__}\n"


def test_debug_can_be_asked_for_by_the_environment_or_by_any_command(
    monkeypatch: pytest.MonkeyPatch, command: Callable
):
    assert "Traceback" not in command("cp", "no_such_recipe", "x").err
    assert "Traceback" in command("cp", "no_such_recipe", "x", "--debug").err
    monkeypatch.setenv("SEQAE_DEBUG", "1")
    assert "Traceback" in command("cp", "no_such_recipe", "x").err
