"""Error messages of the command line, and the exit codes that go with them."""

from __future__ import annotations

import ast
import difflib
import errno
import re
import shlex
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from seqae._extras import MissingExtra
from seqae._files import require_local_path
from seqae.cli.terminal import drop_output, end_output, prepare_streams, say

USER_ERROR, BUG, INTERRUPTED, BROKEN_PIPE = 2, 1, 130, 141
# Errors that a user can fix; values that are not finite come from data or settings.
USERS_ERRORS = (ValueError, OSError, FloatingPointError, MemoryError, MissingExtra)
_REMEDIES = {
    errno.ENOSPC: "Make room, or write elsewhere",
    errno.EDQUOT: "Make room, or write elsewhere",
    errno.EFBIG: "Raise the limit on the size of files, or write elsewhere",
    errno.EROFS: "Write elsewhere",
    errno.EACCES: "Use another path, or ask for permission to use this one",
    errno.EPERM: "Use another path, or ask for permission to use this one",
}

# A quoted text; brackets with these in them; dots; or a word up to what ends a sentence.
_QUOTED = r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\""
_VALUE = (
    rf"{_QUOTED}|\[(?:{_QUOTED}|[^\]'\"])*\]|\((?:{_QUOTED}|[^)'\"])*\)|\{{(?:{_QUOTED}|[^}}'\"])*\}}"
    r"|\.\.\.|[\w+-]+(?:\.\w+)*"
)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return " Did you mean ...?" with the nearest known word, or nothing."""
    nearest = difflib.get_close_matches(word, list(known), n=1)
    return f" Did you mean {nearest[0]}?" if nearest else ""


def existing(path: Path) -> Path:
    """Return the path of a file or folder that is there.

    Raises:
        FileNotFoundError: It is not; the message names the nearest name beside it.
        ValueError: The path is a URL.
    """
    path = require_local_path(path)
    if path.exists():
        return path
    folder = path.parent
    if not folder.is_dir():
        raise FileNotFoundError(f"no file or folder {path} (there is no folder {folder}). Check the path")
    hint = did_you_mean(path.name, (other.name for other in folder.iterdir()))
    raise FileNotFoundError(f"no file or folder {path.name} (in {folder.resolve()}).{hint or ' Check the path'}")


def in_shell_words(text: str, options: Mapping[str, str]) -> str:
    """Return a message of the library as the shell says it: `window=64` as `--window 64`.

    Args:
        text: The message, which names parameters as Python does.
        options: The option for each parameter, such as `{"window": "--window"}`.
    """

    def reworded(found: re.Match[str]) -> str:
        name, value = found[1], found[2] or ""
        if name not in options:
            return found[0]
        try:
            return option_with(options[name], ast.literal_eval(value))
        except (ValueError, SyntaxError):  # no value, or one that is no literal
            return f"{options[name]} {value}".rstrip()

    return re.sub(rf"(?<![\w.-])([\w.]+)=({_VALUE})?", reworded, text)


def option_with(option: str, value: object) -> str:
    """Return an option with its value as a person types it in a shell."""
    if value is ... or value is True:
        return option
    if value is False:
        return re.sub(r"^--(\w+\.)?", r"--\1no-", option)
    if isinstance(value, Mapping):
        items = [f"{word}={number}" for word, number in value.items()]
    else:
        items = list(map(str, value)) if isinstance(value, (list, tuple)) else [str(value)]
    escaped = [item.encode("unicode_escape").decode() if not item.isprintable() else item for item in items]
    words: list[str] = []
    is_open = False  # whether another value may follow
    for item in escaped:
        is_dashed = re.match(r"-[-A-Za-z]", item) is not None  # it would be an option
        words += [f"{option}={shlex.quote(item)}"] if is_dashed else [option] * (not is_open) + [shlex.quote(item)]
        is_open = not is_dashed
    return " ".join(words or [option])


@contextmanager
def rewording(change: Callable[[str], str]) -> Iterator[None]:
    """Change the messages of errors, for example to the words of the shell."""
    try:
        yield
    except Exception as error:
        if len(error.args) == 1 and isinstance(error.args[0], str):
            error.args = (change(error.args[0]),)
        raise


@contextmanager
def plain_errors(debug: bool) -> Iterator[None]:
    """End the program with an exit code and at most one line, where Python would show a traceback.

    Args:
        debug: Show the traceback too.
    """
    original, warnings.formatwarning = warnings.formatwarning, _warning
    prepare_streams()
    try:
        try:
            yield
        except SystemExit as end:  # of --help, which may not have been written either
            if not end.code:
                end_output()
            raise
        end_output()
    except KeyboardInterrupt:
        say("stopped")
        raise SystemExit(INTERRUPTED) from None
    except BrokenPipeError:  # seqae ls | head: the reader has gone
        drop_output()
        raise SystemExit(BROKEN_PIPE) from None
    except Exception as error:
        if debug:
            traceback.print_exc()
        say(f"error: {_one_line(error)}")
        with suppress(OSError):  # one error is enough
            end_output()
        raise SystemExit(USER_ERROR if isinstance(error, USERS_ERRORS) else BUG) from None
    finally:
        warnings.formatwarning = original


def _warning(message: Warning | str, *location: object, **line: object) -> str:
    return f"warning: {' '.join(str(message).split())}\n"


def _one_line(error: Exception) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in _text(error))  # files may hold anything


def _text(error: Exception) -> str:
    text = " ".join(str(error).split())
    if isinstance(error, OSError) and (error.filename is not None or error.strerror):
        text = error.strerror or type(error).__name__
        text += "" if error.filename is None else f" ({error.filename})"
        text += f". {_REMEDIES[error.errno]}" if error.errno in _REMEDIES else ""
    if isinstance(error, MemoryError):
        text = f"not enough memory{f' ({text})' if text else ''}. Give less at a time, or use a machine with more"
    if isinstance(error, USERS_ERRORS):
        return text
    *_, (frame, line) = traceback.walk_tb(error.__traceback__)
    return (
        f"{type(error).__name__}: {text} ({Path(frame.f_code.co_filename).name}, line {line}). "
        "This looks like a bug in the program; add --debug to see how it came about"
    )
