"""The command line: `seqae COMMAND ...`, and recipes as scripts.

Nothing heavy is imported before the arguments are understood.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

from seqae._version import __version__
from seqae.cli import (
    bulk,
    decode,
    describe,
    doctor,
    export,
    feedback,
    fit,
    fit_detector,
    listen,
    models,
    peek,
    push,
    recalibrate,
    recipes,
    serve,
    stream,
)
from seqae.cli.messages import did_you_mean, plain_errors
from seqae.cli.several_tables import read_tables as read_tables
from seqae.cli.terminal import refuse_closed_input, refuse_closed_output, run_in_utf8

COMMANDS: dict[str, Callable[..., None]] = {
    "ls": recipes.ls,
    "run": recipes.run_recipe,
    "cp": recipes.cp,
    "peek": peek.peek,
    "fit": fit.fit_autoencoder,
    "encode": models.encode_recordings,
    "decode": decode.decode_file,
    "reconstruct": models.reconstruct_recordings,
    "score": bulk.score_files,
    "stream": stream.stream,
    "serve": serve.serve,
    "listen": listen.listen,
    "recalibrate": recalibrate.recalibrate,
    "feedback": feedback.feedback,
    "inspect": describe.describe_model,
    "export": export.export_model,
    "push": push.push_model,
    "doctor": doctor.doctor,
}
_PRINTING = ("ls", "peek", "stream", "inspect", "doctor")  # commands whose result is what they print

_HELP = """usage: seqae COMMAND ...

Autoencoders for sequences: machine signals, images, text, audio and video.

commands:
{commands}

seqae COMMAND --help tells more. With --debug, or SEQAE_DEBUG=1, an error shows its traceback."""


def main(words: Sequence[str] | None = None) -> None:
    """Run `seqae`.

    Raises:
        SystemExit: After an error: 2 for a mistake of the user, 1 for a bug, 130 after Ctrl-C.
    """
    if words is None:
        run_in_utf8()
    words, debug = _without_debug(sys.argv[1:] if words is None else words)
    with plain_errors(debug):
        _dispatch(words)


def run(function: Callable[..., Any]) -> Any:
    """Call the `main` of a recipe with its parameters taken from the command line, and return what it returns.

    If its script has a constant QUICK, values by the names of parameters, `--quick` puts them in place of the defaults.

    Args:
        function: A function whose parameters have types, defaults, and lines under "Args:" in its docstring.

    Raises:
        SystemExit: After an error, see `main`.
    """
    from seqae.cli.signature import call

    run_in_utf8()
    words, debug = _without_debug(sys.argv[1:])
    script = sys.modules[function.__module__]
    about, quick = script.__doc__ or "", getattr(script, "QUICK", None)
    with plain_errors(debug):
        return call(function, words, prog=f"python {sys.argv[0]}", about=about, config=True, quick=quick)


def _dispatch(words: Sequence[str]) -> None:
    command = words[0] if words else "--help"
    if command in _PRINTING or command not in COMMANDS:
        refuse_closed_output()
    if command == "stream":
        refuse_closed_input()
    if command in ("-h", "--help"):
        print(_help())
    elif command == "--version":
        print(f"seqae {__version__}")
    elif command in COMMANDS:
        from seqae.cli.signature import call

        words = list(words[1:])
        if command == "fit" and "--detector" in words:
            words.remove("--detector")
            call(fit_detector.fit_detector, words, prog="seqae fit --detector")
        else:
            call(COMMANDS[command], words, prog=f"seqae {command}")
    else:
        raise ValueError(f"unknown command {command}.{did_you_mean(command, COMMANDS)} See: seqae --help")


def _help() -> str:
    lines = [f"  {name:<13}{(command.__doc__ or '').partition('.')[0]}" for name, command in COMMANDS.items()]
    return _HELP.format(commands="\n".join(lines))


def _without_debug(words: Sequence[str]) -> tuple[list[str], bool]:
    """Return the words without --debug, which every command has, and whether it was there."""
    debug = "--debug" in words or os.environ.get("SEQAE_DEBUG", "") not in ("", "0")
    return [word for word in words if word != "--debug"], debug
