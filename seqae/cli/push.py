"""`seqae push`: a saved model into a repository of the Hugging Face Hub."""

from __future__ import annotations

from pathlib import Path

from seqae.cli.json_report import json_report
from seqae.cli.session import saved_in


def push_model(
    model: Path,
    to: str,
    *,
    task: str = "",
    data: str = "",
    license: str = "",
    picture: Path | None = None,
    private: bool = False,
    json: bool = False,
) -> None:
    """Upload a saved model to the Hugging Face Hub, with a card that tells what it is.

    The card has its metrics and settings, and what you say of its task, data and licence. Reads the token that
    `hf auth login` has kept, or HF_TOKEN.

    With --json: model, pushed (the address of exactly this state, which takes the place of a folder everywhere).

    Example:
        seqae push runs/pump/latest hf://plant/pump --task "faults of a pump" --license apache-2.0

    Args:
        model: folder of a saved model, or of a run that holds one
        to: the repository, hf://OWNER/NAME or hf://OWNER/NAME@BRANCH; made if it is absent
        task: what the model is for
        data: what it learnt from
        license: its licence, such as apache-2.0
        picture: a picture for the card, such as the signal.png of a run
        private: make a new repository yours alone
        json: print one JSON object on standard output
    """
    folder = saved_in(model)
    from seqae.artifact.hub import push
    from seqae.artifact.model_card import ModelCard

    with json_report(json) as report:
        address = push(folder, to, card=ModelCard(task, data, license), picture=picture, private=private)
        report |= {"model": folder, "pushed": address}
        print(f"pushed {address}")
