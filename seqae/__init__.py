"""Autoencoders for sequences: machine signals, images, text, sound and video."""

from importlib import import_module
from typing import TYPE_CHECKING

from seqae._version import __version__ as __version__

# Where each public name lives. Importing seqae imports none of these: torch alone takes seconds.
_HOMES = {
    "AnomalyDetector": "anomaly.detector",
    "Autoencoder": "autoencoder",
    "BackwardsDecoder": "modules.decoders",
    "Batch": "batch",
    "Captioner": "captioner",
    "ConstantDecoder": "modules.decoders",
    "ConvDecoder": "modules.decoders",
    "ConvEncoder": "modules.encoders",
    "Decoder": "modules.decoders",
    "DenseDecoder": "modules.decoders",
    "DenseEncoder": "modules.encoders",
    "Encoder": "modules.encoders",
    "FeedbackDecoder": "modules.decoders",
    "FillMissing": "modules.steps",
    "GRU": "modules.recurrent",
    "GaussianCode": "modules.codes",
    "Huber": "errors",
    "LSTM": "modules.recurrent",
    "LogMel": "data.sounds.log_mel",
    "MeanEncoder": "modules.encoders",
    "MissingExtra": "extras",
    "OnlineDetector": "anomaly.streaming",
    "Reconstruction": "training.tasks",
    "RecurrentEncoder": "modules.encoders",
    "RecursiveAutoencoder": "modules.recursive",
    "RecursiveEncoder": "modules.recursive",
    "RepeatDecoder": "modules.decoders",
    "SequenceClassifier": "features",
    "SequenceEncoder": "features",
    "SparseCode": "modules.codes",
    "TextAutoencoder": "text",
    "TopCode": "modules.codes",
    "Translator": "translator",
    "Vocabulary": "data.texts.vocabulary",
    "absolute_error": "errors",
    "binary_error": "errors",
    "encode": "inference",
    "fit": "training.fit",
    "gaussian_error": "errors",
    "load": "artifact",
    "reconstruct": "inference",
    "save": "artifact",
    "squared_error": "errors",
    "token_error": "errors",
    "tune": "training.runtime",
}
__all__ = sorted([*_HOMES, "__version__"])


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'seqae' has no attribute {name!r}")
    return getattr(import_module(f"seqae.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__


if TYPE_CHECKING:  # for editors and type checkers
    from seqae.anomaly.detector import AnomalyDetector as AnomalyDetector
    from seqae.artifact import load as load
    from seqae.artifact import save as save
    from seqae.autoencoder import Autoencoder as Autoencoder
    from seqae.batch import Batch as Batch
