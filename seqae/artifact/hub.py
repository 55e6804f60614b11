"""Saved models in repositories of the Hugging Face Hub (https://huggingface.co/docs/hub)."""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from seqae._extras import require
from seqae._files import read_file, require_local_path, write_atomically
from seqae._version import __version__
from seqae.artifact.folder import DESCRIPTION, WEIGHTS, read
from seqae.artifact.model_card import PICTURE_ENDINGS, ModelCard

MAX_PICTURE_BYTES = 8 * 2**20
_ADDRESS = re.compile(r"hf:/+(?P<repository>[\w.-]+/[\w.-]+)(?:@(?P<revision>.+))?")


def download(place: str | os.PathLike[str]) -> Path:
    """Return the folder with the artifact of an address; what was downloaded before is not downloaded again.

    Nothing else of the repository is fetched. Without a connection, what was downloaded last is used.

    Args:
        place: `hf://OWNER/NAME`, or `hf://OWNER/NAME@REVISION` for a branch, tag or commit.

    Raises:
        ValueError: It is no such address.
        FileNotFoundError: There is no such repository or revision, or it is not for everyone.
        ConnectionError: The Hub does not answer, and nothing was downloaded before.
        ImportError: Extra `hub` is not installed.
    """
    repository, revision = _repository(place)
    hub = _hub("a model of the Hugging Face Hub")
    with _errors_named(repository, revision):
        wanted = [DESCRIPTION, WEIGHTS]
        versions = {"library_name": "seqae", "library_version": __version__}
        return Path(hub.snapshot_download(repository, revision=revision, allow_patterns=wanted, **versions))


def push(
    folder: str | os.PathLike[str],
    place: str,
    *,
    card: ModelCard | None = None,
    picture: str | os.PathLike[str] | None = None,
    private: bool = False,
    token: str | None = None,
) -> str:
    """Upload a saved model to a repository of the Hugging Face Hub, which is made if it is absent.

    The repository gets the two files of the model, `config.json`, by which the Hub counts downloads, and a model card,
    `README.md`, with its metrics. What else lies in the folder stays here, also what operators have told a detector.

    Args:
        folder: The folder that the model was saved to.
        place: `hf://OWNER/NAME`, or `hf://OWNER/NAME@BRANCH`.
        card: What the model card says of task, data and licence.
        picture: A picture for the card, PNG, JPEG or SVG.
        private: Whether a new repository is yours alone.
        token: A token that may write; by default that of `hf auth login`, or HF_TOKEN.

    Returns:
        The address of exactly this state, `hf://OWNER/NAME@COMMIT`, which `seqae.load` takes.

    Raises:
        FileNotFoundError: There is no model or no picture.
        ValueError: The model or the picture is damaged or is something else, or the place is no repository.
        PermissionError: The token may not write there.
        ConnectionError: The Hub does not answer.
        ImportError: Extra `hub` is not installed.
    """
    repository, branch = _repository(place)
    hub = _hub("a repository of the Hugging Face Hub")
    source = require_local_path(folder)
    content, weights = read(source)
    shown, card = _picture(picture), card or ModelCard()
    with tempfile.TemporaryDirectory() as staged, _errors_named(repository, branch):
        files = {
            WEIGHTS: weights,
            DESCRIPTION: read_file(source / DESCRIPTION),
            "config.json": json.dumps(card.config(content), indent=2).encode() + b"\n",
            "README.md": card.text(content, repository, next(iter(shown), "")).encode(),
            **shown,
        }
        for name, data in files.items():
            write_atomically(Path(staged) / name, data)
        interface = hub.HfApi(token=token, library_name="seqae", library_version=__version__)
        interface.create_repo(repository, private=private, exist_ok=True)
        message = f"Upload {source.name} by seqae {__version__}"
        commit = interface.upload_folder(
            repo_id=repository, folder_path=staged, revision=branch, commit_message=message
        )
    return f"hf://{repository}@{commit.oid}"


def _repository(place: str | os.PathLike[str]) -> tuple[str, str | None]:
    """Return OWNER/NAME and the revision of an address, None if it names none."""
    found = _ADDRESS.fullmatch(os.fspath(place))
    if not found:
        raise ValueError(f"{place} is no repository. Expected hf://OWNER/NAME, or hf://OWNER/NAME@REVISION")
    return found["repository"], found["revision"]


def _hub(purpose: str) -> ModuleType:
    return require("huggingface_hub", extra="hub", purpose=purpose)


def _picture(path: str | os.PathLike[str] | None) -> dict[str, bytes]:
    """Return the content of a picture by the name that it has in a repository; empty without one."""
    if path is None:
        return {}
    ending = Path(path).suffix.lower()
    if ending not in PICTURE_ENDINGS:
        raise ValueError(f"{path} is no picture that a card shows. Give one of {', '.join(PICTURE_ENDINGS)}")
    return {f"picture{ending}": read_file(path, MAX_PICTURE_BYTES)}


@contextmanager
def _errors_named(repository: str, revision: str | None) -> Iterator[None]:
    """Turn the errors of the Hub's client into those of Python, which say what to do."""
    from huggingface_hub import errors

    place = f"hf://{repository}" + (f"@{revision}" if revision else "")
    try:
        yield
    except errors.HFValidationError as error:
        raise ValueError(f"{place} is no repository: {error}") from error
    except errors.RevisionNotFoundError as error:
        raise FileNotFoundError(f"{place}: the repository has no such branch, tag or commit") from error
    except (errors.RepositoryNotFoundError, errors.GatedRepoError) as error:
        raise FileNotFoundError(
            f"{place} is absent, or not for everyone. Look at its name; `hf auth login` shows the Hub who you are"
        ) from error
    except errors.LocalEntryNotFoundError as error:
        raise ConnectionError(
            f"{place} was never downloaded, and the Hub does not answer. Connect to the internet, or give a folder"
        ) from error
    except errors.HfHubHTTPError as error:
        if error.response is not None and error.response.status_code in (401, 403):
            raise PermissionError(f"{place}: not allowed. `hf auth login` with a token that may write") from error
        raise ConnectionError(f"{place}: the Hub refused ({error})") from error
    except errors.HTTPError as error:
        raise ConnectionError(f"{place}: the Hub does not answer ({error})") from error
