"""What the commands can do with each type of saved model: a table from its name to functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from seqae.anomaly.detector import AnomalyDetector
    from seqae.autoencoder import Autoencoder
    from seqae.data.signals.options import ReadingOptions
    from seqae.estimators.sequence_autoencoder import SequenceAutoencoder
    from seqae.estimators.sequence_classifier import SequenceClassifier
    from seqae.modules.encoders import Encoder

Columns = dict[str, "np.ndarray"]
_READINGS = ("tables", "arrays")


@dataclass(frozen=True)
class Abilities:
    """What a saved model reads, and what it can do with it; None where it cannot.

    Attributes:
        reads: The kinds of files that it reads, names in `seqae.cli.inputs.KINDS`.
        encode: Returns the codes `(sequences, code_size)` of sequences.
        decode: Returns the sequences of codes, given lengths `(sequences,)` or None.
        reconstruct: Returns the reconstruction of each sequence.
        score: Returns columns with a value for each sequence.
        quality: Returns a name and a number for all sequences together.
        writes: What it decodes: "readings", "frames", "tokens" or "texts".
        channels: The names of its channels, if they have names.
        window: The number of rows in a window that it cuts tables in.
        frame_size: Channels, height and width of the frames that it reads; empty if it is not known.
        remembered: How the tables were read that it learnt from.
        is_detector: Whether it detects anomalies, whose results are files for each recording.
    """

    reads: tuple[str, ...] = ()
    encode: Callable[[list[Any]], np.ndarray] | None = None
    decode: Callable[[np.ndarray, np.ndarray | None], list[Any]] | None = None
    reconstruct: Callable[[list[Any]], list[Any]] | None = None
    score: Callable[[list[Any]], Columns] | None = None
    quality: Callable[[list[Any]], tuple[str, float]] | None = None
    writes: str = "readings"
    channels: tuple[str, ...] = ()
    window: int | None = None
    frame_size: tuple[int, ...] = ()
    remembered: ReadingOptions | None = None
    is_detector: bool = False


def abilities_of(model: object, folder: Path, wanted: str) -> Abilities:
    """Return what the commands can do with a model.

    Args:
        model: The model.
        folder: Where it was, for the error message.
        wanted: The ability that is needed, the name of an attribute.

    Raises:
        ValueError: It cannot do that.
    """
    names = [kind.__name__ for kind in type(model).__mro__]
    found = next((_ABILITIES[name](model) for name in names if name in _ABILITIES), Abilities())
    if getattr(found, wanted) is None:
        others = [name for name in ("encode", "decode", "reconstruct", "score") if getattr(found, name) is not None]
        rest = f"It can {', '.join(others)}" if others else f"Models that read sequences are {', '.join(_ABILITIES)}"
        raise ValueError(f"this is {_article(names[0])} {names[0]}: it cannot {wanted} sequences ({folder}). {rest}")
    return found


def _article(name: str) -> str:
    return "an" if name[0] in "AEIOU" else "a"


def _detector(model: AnomalyDetector) -> Abilities:
    def several(items: list[Any]) -> Any:
        raise AssertionError("a detector has its own commands")

    return Abilities(
        ("tables",),
        several,
        None,
        several,
        several,
        channels=tuple(model.channels_),
        remembered=model.reading_,
        is_detector=True,
    )


def _sequence_autoencoder(model: SequenceAutoencoder) -> Abilities:
    reads = {
        "readings": _READINGS,
        "tokens": ("arrays",),
        "frames": ("videos", "arrays"),
        "texts": ("texts",),
        "audio": ("audio",),
    }
    writes = {"audio": "frames"}
    return Abilities(
        reads[model.kind_],
        encode=model.encode,
        decode=lambda codes, lengths: model.decode(codes, None if lengths is None else lengths.tolist()),
        reconstruct=model.reconstruct,
        score=lambda items: {"score": model.score_samples(items)},
        quality=lambda items: (model.report_.metric, model.score(items)),
        writes=writes.get(model.kind_, model.kind_),
        channels=tuple(model.channel_names_),
        window=model.window,
        frame_size=tuple(getattr(model.steps_, "size_", ())),
    )


def _sequence_classifier(model: SequenceClassifier) -> Abilities:
    def score(items: list[Any]) -> Columns:
        probabilities = model.predict_proba(items)
        columns = {f"probability_{name}": probabilities[:, index] for index, name in enumerate(model.classes_)}
        return {"prediction": model.classes_[probabilities.argmax(axis=1)], **columns}

    # Its encoder was trained on, and its decoder was not.
    abilities = _sequence_autoencoder(model.autoencoder_)
    return replace(abilities, score=score, decode=None, reconstruct=None, quality=None)


def _module(model: Autoencoder | Encoder) -> Abilities:
    from seqae.autoencoder import Autoencoder
    from seqae.cli.tensors import are_tokens, checked, decode_raw, losses, to_tensors
    from seqae.inference import encode, reconstruct

    is_token_model = are_tokens(model)

    def apply(function: Callable, items: list[Any]) -> list[np.ndarray]:
        return checked(function, model, to_tensors(items, is_token_model))

    reads = ("arrays",) if is_token_model else ("tables", "arrays", "videos")
    if not isinstance(model, Autoencoder):
        return Abilities(reads, encode=lambda items: _stacked(apply(encode, items)))
    return Abilities(
        reads,
        encode=lambda items: _stacked(apply(encode, items)),
        decode=lambda codes, lengths: decode_raw(model, codes, lengths, is_token_model),
        reconstruct=lambda items: [row.argmax(axis=-1) if is_token_model else row for row in apply(reconstruct, items)],
        score=lambda items: {"score": -_stacked(apply(losses, items))},
        writes="tokens" if is_token_model else "readings",
    )


def _stacked(rows: Sequence[np.ndarray] | Sequence[Tensor]) -> np.ndarray:
    import numpy as np

    return np.stack([np.asarray(row) for row in rows])


_ABILITIES: dict[str, Callable[[Any], Abilities]] = {
    "AnomalyDetector": _detector,
    "SequenceAutoencoder": _sequence_autoencoder,
    "SequenceEncoder": lambda model: _sequence_autoencoder(model.autoencoder_),
    "SequenceClassifier": _sequence_classifier,
    "Autoencoder": _module,
    "Encoder": _module,
    "CompositeAutoencoder": lambda model: _module(model.encoder),
}
