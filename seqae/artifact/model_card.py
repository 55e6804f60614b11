"""The card of a model in a repository of the Hugging Face Hub (Mitchell et al. 2019, https://arxiv.org/abs/1810.03993)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from seqae.artifact.description import summary_of

PICTURE_ENDINGS = (".png", ".jpg", ".jpeg", ".svg")


@dataclass(frozen=True)
class ModelCard:
    """What the card of a model says that the model does not know itself.

    Attributes:
        task: What the model is for, in a sentence.
        data: What it learnt from, and under which licence that is.
        license: The licence of the model, by its short name, for example "apache-2.0"; "" if it is not said.
        tags: Further words by which it is found.
    """

    task: str = ""
    data: str = ""
    license: str = ""
    tags: tuple[str, ...] = ()

    def config(self, content: Mapping[str, Any]) -> dict[str, Any]:
        """Return `config.json` of a model: what other programs read.

        Args:
            content: The description of the model.
        """
        known = {"task": self.task, "data": self.data, "metrics": content["metrics"]}
        return {
            "library_name": "seqae",
            "architectures": [summary_of(content["tree"])["kind"]],
            "seqae_version": content["provenance"]["seqae"],
            "parameters": content["parameters"],
            **{name: value for name, value in known.items() if value},
        }

    def text(self, content: Mapping[str, Any], repository: str, picture: str = "") -> str:
        """Return `README.md` of a model: what people read.

        Args:
            content: The description of the model.
            repository: OWNER/NAME.
            picture: The name of a file with a picture.
        """
        title = repository.partition("/")[2]
        model = {**summary_of(content["tree"]), "parameters": f"{content['parameters']:,}"}
        saved = ", ".join(f"{name} {value}" for name, value in content["provenance"].items())
        sections = {
            "Use": _USE.format(repository=repository),
            "Data": self.data,
            "Metrics": _table({name: _number(value) for name, value in content["metrics"].items()}),
            "Model": _table({name.replace("_", " "): _plain(value) for name, value in model.items()}),
        }
        picture = f"![what the model does]({picture})" if picture else ""
        told = [f"## {name}\n\n{section}" for name, section in sections.items() if section]
        paragraphs = [self._front(), f"# {title}", self.task, picture, *told, f"Saved: {saved}."]
        return "\n\n".join(filter(None, paragraphs)) + "\n"

    def _front(self) -> str:
        """Return what the Hub reads of a card."""
        front = {"library_name": "seqae", "tags": ["seqae", "autoencoder", *self.tags]}
        front |= {"license": self.license} if self.license else {}
        return f"---\n{yaml.safe_dump(front, sort_keys=False, allow_unicode=True)}---"


_USE = """```sh
pip install 'seqae[hub]'
```
```python
import seqae

model = seqae.load("hf://{repository}")
```"""


def _table(values: Mapping[str, str]) -> str:
    rows = [f"| {_cell(name)} | {_cell(value)} |" for name, value in values.items()]
    return "\n".join(["| | |", "|---|---|", *rows]) if rows else ""


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def _number(value: float | str) -> str:
    return f"{float(value):.6g}"


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {each}" for name, each in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
