"""Small objects of all classes that a saved model may hold, and how each is used."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import nn

import seqae
from contract.checks import batches_of
from contract.decoders import DECODERS
from contract.encoders import ENCODERS, STATES
from contract.entry import Entry
from contract.texts import WRITERS, s2vt
from seqae import Batch
from seqae.adapters.sklearn import OutlierDetector
from seqae.anomaly.accepted import AcceptedDeviations
from seqae.anomaly.detector import AnomalyDetector
from seqae.anomaly.fault_codes import KnownFault
from seqae.anomaly.own_models import OwnAutoencoder, OwnEstimator
from seqae.anomaly.rhythm import Rhythm
from seqae.anomaly.thresholds import FittedThreshold, PeaksOverThreshold, Quantile
from seqae.anomaly.window_models import PCA, Conv, Linear, MovingAverage, Recurrent, ScaledAutoencoder, Transformer
from seqae.data.audio.files import Audio
from seqae.data.audio.log_mel import LogMel
from seqae.data.audio.spectral_normalization import SpectralMean, SpectralQuantile, SpectralTilt
from seqae.data.signals.options import ReadingOptions
from seqae.data.signals.resampling import Resampling
from seqae.estimators.sequence_autoencoder import SequenceAutoencoder
from seqae.estimators.sequence_classifier import SequenceClassifier
from seqae.estimators.sequence_encoder import SequenceEncoder
from seqae.estimators.steps import AudioSteps
from seqae.losses import HuberLoss
from seqae.modules import codes
from seqae.modules.composite import CompositeAutoencoder
from seqae.modules.dropout import FastDropout
from seqae.modules.merging import Composition, Decomposition
from seqae.modules.pooling import SegmentMeanPooling
from seqae.modules.positional import AttentionPooling
from seqae.modules.positions import PhaseModulation
from seqae.modules.recursive import BalancedTree, RecursiveAutoencoder, RecursiveEncoder, SubtreeReconstruction
from seqae.modules.self_attention import SelfAttentionLayer
from seqae.modules.tokens import NearestEmbeddingHead, WordDropout
from seqae.modules.unet import Segmenter, UNet
from seqae.modules.vector_quantization import VectorQuantizedCode
from seqae.seq2seq.captioner import Captioner
from seqae.seq2seq.translator import Translator
from seqae.text.tokenizers import CharacterTokenizer, FunctionTokenizer, WordTokenizer
from seqae.text.vocabulary import BytePairs, Vocabulary
from seqae.training.annealing import CyclicalAnnealing, LinearAnnealing
from seqae.training.layerwise import LayerAutoencoder
from seqae.transforms import augmentations, corruptions, images, masked_images, spectrograms

Use = Callable[[Any], object]
TEXTS = ["the cat sat", "a dog ran", "the dog sat"]
ROWS = np.random.default_rng(0).normal(size=(160, 2))
SEQUENCES = [row.reshape(-1, 2) for row in np.random.default_rng(1).normal(size=(6, 8))]
IMAGE = torch.rand(1, 16, 16, generator=torch.Generator().manual_seed(0))


def made() -> dict[str, tuple[object, Use]]:
    """Return objects by name, fitted and in evaluation, and what is done with each."""
    entries = {
        f"{kind} {name}": entry
        for kind, group in {"encoder": ENCODERS, "states": STATES, "decoder": DECODERS, "writer": WRITERS}.items()
        for name, entry in group.items()
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {name: (entry.built().eval(), partial(_call, entry)) for name, entry in entries.items()} | _others()


def _call(entry: Entry, module: nn.Module) -> None:
    entry.call(module, *batches_of(entry.rows(*([each.shortest] for each in entry.inputs))))


def _transformed(values: torch.Tensor) -> Use:
    """Return how a corruption or augmentation is used."""
    return lambda transform: transform(Batch.full(values.clone()), torch.Generator().manual_seed(0))


def _of_image(transform: Any) -> object:
    return transform(IMAGE, torch.zeros(16, 16, dtype=torch.long), np.random.default_rng(0))


def _of(*inputs: object) -> Use:
    return lambda function: function(*inputs)


def _nothing(settings: object) -> None:
    """What is kept for reports and later fits is not used in a loaded model."""


def _others() -> dict[str, tuple[object, Use]]:
    torch.manual_seed(0)
    return {**_modules(), **_transforms(), **_texts(), **_estimators(), **_detectors(), **_settings()}


def _modules() -> dict[str, tuple[object, Use]]:
    encoder, code, batch = seqae.MeanEncoder(2, 4), torch.randn(3, 4), Batch.full(torch.randn(2, 3, 2))
    decoder = seqae.ConstantDecoder(nn.Linear(4, 2))
    bottlenecks = {
        "l1": codes.L1Code(0.1),
        "top k": codes.TopKCode(2),
        "gaussian": codes.GaussianCode(0.5),
        "half bits": codes.ViewInvariantCode(codes.BiHalfCode()),
        "flipped bits": codes.BitFlipCode(codes.BinaryCode()),
        "quantized": VectorQuantizedCode(4, 6, 2),
    }
    composition, decomposition = Composition(4), Decomposition(4)
    stage = LayerAutoencoder(encoder, decoder)
    found: dict[str, tuple[nn.Module, Use]] = {
        "lengths": (seqae.Autoencoder(encoder, decoder, codes.L1Code(0.1), seqae.LengthPredictor(4, 5)), _decoded),
        "attention pooling": (AttentionPooling(4, 2), _of(batch.map(lambda steps: steps.repeat(1, 2)))),
        "composite": (CompositeAutoencoder(encoder, decoder, decoder), _of(batch, torch.tensor([2, 1]))),
        "dropout": (FastDropout(0.2), _of(code)),
        "nearest": (NearestEmbeddingHead(nn.Embedding(5, 4)), _of(code)),
        "tree": (
            RecursiveAutoencoder(RecursiveEncoder(composition, BalancedTree()), decomposition, SubtreeReconstruction()),
            _of(Batch.full(torch.randn(2, 3, 4))),
        ),
        "simple tree": (RecursiveAutoencoder(RecursiveEncoder(composition, BalancedTree()), decomposition), _nothing),
        "layer": (stage, _nothing),
        "self-attention": (SelfAttentionLayer(4, 2), _nothing),
        "words": (WordDropout(0.2), _of(torch.tensor([3, 4]))),
        "phases": (PhaseModulation(4), _of(torch.randn(2, 3, 4), torch.rand(2, 3))),
        "segments": (Segmenter(UNet(1, 1, (4, 8))), _of([IMAGE])),
    }
    return {name: (module.eval(), use) for name, (module, use) in found.items()} | {
        f"code, {name}": (module.eval(), _of(code)) for name, module in bottlenecks.items()
    }


def _decoded(model: seqae.Autoencoder) -> None:
    model.decode(model.encode(Batch.full(torch.randn(2, 3, 2))))


def _transforms() -> dict[str, tuple[object, Use]]:
    readings, tokens = torch.randn(2, 6, 3), torch.randint(3, 9, (2, 6))
    frames, bands = torch.rand(2, 3, 1, 8, 8), torch.rand(2, 6, 8)
    found: list[tuple[object, Use]] = [
        *[(each, _transformed(readings)) for each in (
            corruptions.Compose((corruptions.GaussianNoise(0.1), corruptions.Clamp(), corruptions.MaskValues(0.2))),
            corruptions.RandomApply(corruptions.MaskSteps(0.2), 0.5), corruptions.SaltAndPepper(0.1),
            corruptions.MaskChannels(0.2), augmentations.TimeWarp(1.0), augmentations.RandomScale(0.2),
            augmentations.AddBumps(0.3), augmentations.CutMix(),
        )],
        *[(each, _transformed(tokens)) for each in (
            corruptions.MaskTokens(0.2), corruptions.DropTokens(0.2), corruptions.ShuffleTokens(2),
        )],
        *[(each, _transformed(frames)) for each in (
            augmentations.RandomTranslate(1, 1), augmentations.RandomHorizontalFlip(), images.RandomAffine(),
        )],
        *[(each, _transformed(bands)) for each in (
            spectrograms.VTLP(0.2, 8), spectrograms.FrequencyMasking(2, 8), spectrograms.TimeMasking(0.3),
        )],
        *[(each, _of_image) for each in (masked_images.RandomBrightness(), masked_images.RandomShift(2))],
        *[(each, _of(0.3)) for each in (LinearAnnealing(0.5), CyclicalAnnealing(2))],
        (HuberLoss(), _of(readings, readings)),
        (SegmentMeanPooling(2), _of(Batch.full(readings))),
    ]  # fmt: skip
    return {type(each).__name__: (each, use) for each, use in found}


def _texts() -> dict[str, tuple[object, Use]]:
    words = Vocabulary(WordTokenizer()).fit(TEXTS)
    model = seqae.attention_seq2seq(len(words), len(words), 4, 4)
    vocabularies = {
        "letters": Vocabulary(CharacterTokenizer(), max_size=20).fit(TEXTS),
        "pieces": BytePairs(300).fit(TEXTS),
    }
    found = {name: (each, lambda vocabulary: vocabulary.encode(TEXTS[0])) for name, each in vocabularies.items()}
    return found | {
        "translator": (Translator(words, words, model.eval(), max_length=5), lambda each: each.translate(TEXTS[:1])),
        "captioner": (Captioner(words, s2vt().eval(), 5), _nothing),
    }


def _estimators() -> dict[str, tuple[object, Use]]:
    small = {"code_size": 2, "hidden_size": 4, "epochs": 1}
    sounds = [Audio(torch.sin(torch.arange(800) * pitch), 8000) for pitch in (0.1, 0.2, 0.3)]
    mel = LogMel(8000, 8, normalization=(SpectralMean(), SpectralQuantile(), SpectralTilt())).fit(sounds)
    data = {
        "readings": SEQUENCES,
        "texts": TEXTS,
        "frames": [np.random.default_rng(0).random((2, 1, 8, 8)).astype(np.float32)] * 3,
    }
    found: dict[str, tuple[object, Use]] = {
        f"autoencoder of {name}": (
            SequenceAutoencoder(**small).fit(each),
            partial(_encoded, data=each),
        )
        for name, each in data.items()
    }
    tokens = [np.array([3, 4, 5]), np.array([4, 3])]
    classifier = SequenceClassifier(SequenceEncoder(**small), epochs=1)
    return found | {
        "autoencoder of tokens": (
            SequenceAutoencoder(**small, tokens=True).fit(tokens),
            lambda fitted: fitted.encode(tokens),
        ),
        "classifier": (classifier.fit(SEQUENCES, [0, 1] * 3), lambda fitted: fitted.predict(SEQUENCES)),
        "sounds": (AudioSteps(mel), lambda steps: steps.log_mel.transform(sounds[0])),
    }


def _encoded(fitted: SequenceAutoencoder, data: object) -> None:
    fitted.encode(data)


def _scored(fitted: AnomalyDetector) -> None:
    fitted.score_samples(ROWS[:9])


def _detectors() -> dict[str, tuple[object, Use]]:
    factories = {
        "linear": Linear(2), "pca": PCA(2), "average": MovingAverage(2), "recurrent": Recurrent("gru", 2, 4),
        "own": OwnAutoencoder(seqae.Autoencoder(seqae.MeanEncoder(2, 2), seqae.ConstantDecoder(nn.Linear(2, 2)))),
    }  # fmt: skip
    settings = {"resolutions": (1,), "window": 4, "epochs": 1}
    found: dict[str, tuple[object, Use]] = {
        f"detector, {name}": (
            AnomalyDetector(each, **settings).fit(ROWS),
            _scored,
        )
        for name, each in factories.items()
    }
    outliers = OutlierDetector(PCA(2), resolutions=(1,), window=4).fit(ROWS)
    machines = {name: ROWS * scale for name, scale in (("m1", 1.0), ("m2", 3.0))}
    fleet = AnomalyDetector(PCA(2), **settings).fit(machines)
    scaled = ScaledAutoencoder(seqae.Autoencoder(seqae.MeanEncoder(2, 2), seqae.ConstantDecoder(nn.Linear(2, 2))), 2)
    found["scaled"] = (scaled.eval(), lambda model: model.reconstruct(Batch.full(torch.zeros(1, 3, 2))))
    found["fleet"] = (fleet, lambda fitted: fitted.score_samples({"m1": ROWS[:9]}))
    return found | {"outliers": (outliers, lambda fitted: fitted.predict(ROWS[:9]))}


def _settings() -> dict[str, tuple[object, Use]]:
    kept = {
        "factories": [Conv(), Transformer(), OwnEstimator(SequenceAutoencoder())],
        "options": ReadingOptions(skip_lines=2, missing=(-999,)),
        "thresholds": [Quantile(), PeaksOverThreshold(), FittedThreshold(1.0, 0.1, 50, "quantile")],
        "patterns": [AcceptedDeviations(np.ones((1, 2)), 0.0, np.ones(2)), KnownFault("leak", np.ones(2))],
        "rhythm": Rhythm(np.ones((24, 2))),
        "resampling": Resampling(1.0, "hold", 5.0, 10.0),
        "own tokenizer": FunctionTokenizer(seqae.squared_error),
    }
    return {name: (each, _nothing) for name, each in kept.items()}
