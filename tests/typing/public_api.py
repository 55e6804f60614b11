"""Every public name, used as the README and the recipes use it: `mypy --strict` and pyright have to accept this file.

Nothing here is run. A test finds names that are missing.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

import seqae
from seqae.evaluation import InjectedFault, detection_rates, format_rates, inject, injected_cases
from seqae.modules import ChainTree, Composition, ConvLSTM, Decomposition, frame_encoder

Array = np.ndarray[tuple[int, ...], np.dtype[np.float32]]


class Extremes(seqae.Encoder):
    """An encoder of one's own."""

    def __init__(self, channels: int):
        super().__init__()
        self.code_size = 2 * channels

    def forward(self, batch: seqae.Batch) -> Tensor:
        padding = ~batch.mask.unsqueeze(-1)
        maxima = batch.values.masked_fill(padding, -torch.inf).amax(dim=1)
        minima = batch.values.masked_fill(padding, torch.inf).amin(dim=1)
        return torch.cat([maxima, minima], dim=1)


class Zeros(seqae.Decoder):
    """A decoder of one's own."""

    def forward(self, code: Tensor, lengths: Tensor, targets: seqae.Batch | None = None) -> seqae.Batch:
        return seqae.Batch(code.new_zeros(len(code), int(lengths.max()), 3), lengths)


def encoders() -> list[seqae.Encoder]:
    return [
        Extremes(3),
        seqae.RecurrentEncoder(seqae.LSTM(3, 16), 8),
        seqae.RecurrentEncoder(seqae.GRU(6, 16, bidirectional=True), 8, embed=seqae.MissingValueEmbedding()),
        seqae.ConvEncoder(3, 8, channels=(16, 16)),
        seqae.DenseEncoder(12, 3, 8),
        seqae.MeanEncoder(3, 8),
        seqae.MeanMaxEncoder(seqae.GRU(3, 4)),
        seqae.SegmentMeanEncoder(seqae.LSTM(3, 8), 2),
        seqae.StackedEncoder([seqae.TimeDistributed(nn.Linear(3, 16)), seqae.LSTM(16, 8)], 8),
        seqae.ImageEncoder(nn.Flatten(), 784),
        seqae.ConvLSTMEncoder(ConvLSTM(1, 4), 8, 8),
        seqae.RecursiveEncoder(Composition(8), ChainTree(), nn.Linear(3, 8)),
    ]


def decoders() -> list[seqae.Decoder]:
    head = nn.Linear(16, 3)
    autoregressive = seqae.AutoregressiveDecoder(8, seqae.LSTM(3, 16), head)
    return [
        Zeros(),
        autoregressive,
        seqae.ReversedDecoder(autoregressive),
        seqae.RepeatDecoder(seqae.GRU(8, 16), head),
        seqae.ConvDecoder(8, head, channels=(16, 16)),
        seqae.DenseDecoder(12, 3, 8),
        seqae.ConstantDecoder(nn.Linear(8, 3)),
        seqae.ConvLSTMDecoder(ConvLSTM(0, 4), 8, 8, nn.Conv2d(4, 1, 3, padding=1)),
    ]


def autoencoders(encoder: seqae.Encoder, decoder: seqae.Decoder) -> list[seqae.Autoencoder]:
    codes: list[seqae.Bottleneck | None] = [None, seqae.L1Code(0.1), seqae.TopKCode(4), seqae.GaussianCode()]
    codes.append(seqae.VectorQuantizedCode(8, num_entries=32, num_groups=2))
    length = seqae.LengthPredictor(8, max_length=100)
    built = seqae.build_autoencoder("gru", 3, lambda size: nn.Linear(size, 3), code_size=8, length=length)
    return [built, *(seqae.Autoencoder(encoder, decoder, code) for code in codes)]


def by_name() -> seqae.Autoencoder:
    length = seqae.LengthPredictor(8, max_length=100)
    return seqae.build_autoencoder("gru", 3, lambda size: nn.Linear(size, 3), code_size=8, length=length)


def outputs(model: seqae.Autoencoder, batch: seqae.Batch) -> Tensor:
    output: seqae.AutoencoderOutput = model(batch)
    return seqae.squared_error(output.prediction.steps, batch.steps).mean() + output.penalty


def loaders(model: seqae.Autoencoder, sequences: Sequence[Tensor], labels: Sequence[int]) -> None:
    dataset: seqae.Dataset[seqae.Batch] = seqae.SequenceDataset(sequences)
    sampler = seqae.LengthBucketSampler([len(sequence) for sequence in sequences], batch_size=8)
    valid: seqae.DataLoader[seqae.Batch] = seqae.DataLoader(dataset, sampler)
    loader = seqae.make_loader(dataset, batch_size=8, shuffle=False)
    seqae.fit(seqae.Reconstruction(model, seqae.squared_error), loader, valid, epochs=5, progress=False)
    labelled = seqae.make_loader(seqae.LabelledDataset(dataset, np.asarray(labels)), batch_size=8)
    seqae.fit(classification(model.encoder), labelled, epochs=5)
    pairs = seqae.make_loader(seqae.PairDataset(dataset, dataset), batch_size=8)
    seqae.fit(seqae.SequenceToSequence(seqae.attention_seq2seq(100, 100)), pairs, epochs=5)


def training(model: seqae.Autoencoder, batches: Sequence[seqae.Batch], folder: Path) -> seqae.Autoencoder:
    seqae.configure_runtime()
    losses: list[Callable[[Tensor, Tensor], Tensor]] = [
        seqae.squared_error,
        seqae.absolute_error,
        seqae.HuberLoss(0.5),
        seqae.gaussian_nll,
        seqae.binary_cross_entropy,
        seqae.token_cross_entropy,
    ]
    for loss in losses:
        seqae.fit(seqae.Reconstruction(model, loss), batches, epochs=2, progress=False)
    saved: Path = seqae.save(model, folder, metrics={"loss": 0.1})
    card = seqae.ModelCard("extremes", license="apache-2.0")
    address: str = seqae.push(saved, "hf://owner/name", card=card, picture=folder / "codes.png", private=True)
    loaded: seqae.Autoencoder = seqae.load(address, classes=[Extremes])
    return loaded


def denoising(model: seqae.Autoencoder, batches: Sequence[seqae.Batch]) -> seqae.History:
    noise = seqae.Compose((seqae.GaussianNoise(0.2), seqae.Clamp(0.0, 1.0)))
    gaps = seqae.Compose((seqae.MaskSteps(0.1), seqae.MaskValues(0.1), seqae.RandomApply(seqae.TimeWarp(2.0), 0.5)))
    for corrupt in (noise, gaps, seqae.MaskTokens(0.1)):
        task = seqae.Reconstruction(model, seqae.squared_error, corrupt=corrupt, lr_scheduler=seqae.cosine_with_warmup)
        history = seqae.fit(task, batches, batches, epochs=2, progress=False)
        print(history.best_epoch)
    return seqae.fit(seqae.ELBO(model, seqae.binary_cross_entropy), batches, epochs=2)


def importance_weighted(model: seqae.Autoencoder) -> seqae.IWAE:
    return seqae.IWAE(
        model,
        seqae.binary_cross_entropy,
        5,
        optimizer=lambda module: torch.optim.Adam(module.parameters()),
        lr_scheduler=seqae.cosine_with_warmup,
    )


def classification(encoder: seqae.Encoder) -> seqae.Classification:
    return seqae.Classification(encoder, nn.Linear(8, 2), learning_rate=1e-3)


def trained(model: seqae.Autoencoder, sequences: list[Array]) -> None:
    codes: Array = seqae.encode(model, sequences)
    print(codes.shape, len(seqae.reconstruct(model, sequences)))
    with seqae.evaluating(model) as device, torch.no_grad():
        model.encode(seqae.Batch.of([torch.zeros(5, 3)]).to(device))


def detectors(normal: object, today: object) -> None:
    recordings: list[seqae.Recording] = seqae.as_recordings(today)
    detector = seqae.AnomalyDetector(false_alarm_rate=0.01).fit(normal)
    for event in detector.events(recordings):
        print(event.start_time, event.duration)
    online = seqae.OnlineDetector(detector)
    online.push(np.zeros((1, 3)))
    values = recordings[0].values
    daily = seqae.AnomalyDetector("auto", false_alarms_per_day=1 / 7).fit(normal)
    (detection,) = daily.detect(recordings)
    scores: Array = detection.scores
    threshold: float = daily.threshold_
    seqae.save_figure(seqae.signal_figure(recordings[0], values, scores, threshold, detection.events), "signal.png")


def faults(detector: seqae.AnomalyDetector, normal: Array) -> list[InjectedFault]:
    lines: list[str] = format_rates(detection_rates(detector, normal, kinds=["offset", "replay"], sizes=[3]))
    print(*lines, sep="\n")
    return [inject(normal, "swap", channels=(0, 1), random_state=1), *injected_cases(normal, repeats=2)]


def estimators(sequences: list[Array], labels: Sequence[int]) -> None:
    encoder = seqae.SequenceEncoder(16, hidden_size=32, epochs=10).fit(sequences)
    codes: Array = encoder.transform(sequences)
    print(codes.shape, encoder.autoencoder_.report_)
    classifier = seqae.SequenceClassifier(encoder, epochs=10).fit(sequences, labels)
    print(classifier.predict(sequences), classifier.predict_proba(sequences).sum(axis=1), classifier.classes_)
    seqae.SequenceClassifier().fit(["some words", "others"], ["a", "b"])


def sequence_autoencoders(sequences: list[Array], own: seqae.Autoencoder, folder: Path) -> list[Array]:
    autoencoder = seqae.SequenceAutoencoder("lstm", 16, hidden_size=32, num_layers=2, bottleneck=seqae.GaussianCode())
    autoencoder.fit(sequences)
    codes: Array = autoencoder.encode(sequences)
    print(autoencoder.decode(codes), autoencoder.decode(codes, 5), autoencoder.decode(codes, [5] * len(codes)))
    print(autoencoder.transform(sequences), autoencoder.inverse_transform(codes))
    scores: Array = autoencoder.score_samples(sequences)
    quality: float = autoencoder.score(sequences)
    print(scores.mean(), quality, autoencoder.report_.model, autoencoder.report_.metrics(), autoencoder.warnings_)
    tensors: list[Tensor] = autoencoder.to_tensors(sequences)
    print(autoencoder.model_.encode(seqae.Batch.of(tensors)), autoencoder.history_["train"][-1])
    saved: Path = autoencoder.save(folder)
    loaded: seqae.SequenceAutoencoder = seqae.SequenceAutoencoder.load(saved)
    films = seqae.SequenceAutoencoder("conv", corrupt=seqae.MaskSteps(0.1)).fit(np.zeros((8, 5, 1, 16, 16)))
    print(films.generate(3, random_state=1), seqae.SequenceAutoencoder(own, epochs=5).fit(sequences))
    print(seqae.SequenceAutoencoder(vocabulary=seqae.BytePairs(), unknown="raise", window=None, tokens=False))
    return loaded.reconstruct(sequences)


def texts(model: seqae.Autoencoder) -> list[str]:
    vocabulary = seqae.Vocabulary(seqae.WordTokenizer(lower=True)).fit(["some words"])
    characters = seqae.Vocabulary(seqae.CharacterTokenizer()).fit(["some words"])
    pieces = seqae.BytePairs(max_size=100).fit(["some words"])
    print(len(vocabulary), len(characters), len(pieces))
    autoencoder = seqae.SequenceAutoencoder(model, vocabulary=vocabulary, epochs=0).fit(["some words", "more words"])
    written: list[str] = autoencoder.generate()
    return written


def translation(vocabulary: seqae.Vocabulary) -> list[str]:
    model: seqae.Seq2Seq = seqae.attention_seq2seq(len(vocabulary), len(vocabulary), hidden_size=64)
    task = seqae.SequenceToSequence(model, label_smoothing=0.1, lr_scheduler=seqae.cosine_with_warmup)
    print(task)
    written: list[Tensor] = seqae.generate(model, [vocabulary.encode("some words")], 20, seqae.GreedySearch())
    print(len(written))
    translator = seqae.Translator(vocabulary, vocabulary, model)
    sampled = translator.translate(["some words"], seqae.TokenSampling(top_k=5))
    return sampled + translator.translate(["some words"], seqae.BeamSearch(4))


def recursion(model: seqae.RecursiveAutoencoder, batch: seqae.Batch) -> seqae.RecursiveEncoder:
    model(batch)
    return seqae.RecursiveAutoencoder(model.encoder, Decomposition(8)).encoder


def images(seed: int = 0, out: Path = Path("runs")) -> None:
    run = seqae.Run(images, locals())
    train, test = seqae.read_images("mnist", "data")
    few: seqae.ImageDataset = test.subset(np.arange(8))
    print(len(train))
    figure = seqae.image_rows_figure({"images": few.array()}, "test images")
    seqae.save_figure(figure, run.path("images.png"))
    seqae.save_figure(seqae.loss_figure({"train": [0.2, 0.1]}), run.path("losses.png"))
    seqae.save_figure(seqae.embedding_figure(np.zeros((8, 2), dtype=np.float32)), run.path("codes.png"))
    run.finish([{"model": "autoencoder", "error": 0.1}], {"error": 0.1})


def audio(path: Path) -> Tensor | None:
    try:
        log_mel = seqae.LogMel(n_mels=40)
    except seqae.MissingExtra:
        return None
    return log_mel.transform(seqae.read_audio(path))


def video(path: Path, captioner: seqae.Captioner) -> list[str]:
    frames: Tensor = seqae.read_video(path, frame_rate=5.0, size=(64, 64), grey=True)
    encoder = seqae.RecurrentEncoder(seqae.LSTM(8, 10), 8, embed=frame_encoder((1, 64, 64), (4, 8), 8))
    model = seqae.CompositeAutoencoder(encoder, *decoders()[:2])
    seqae.ReconstructAndForecast(model, seqae.squared_error, context_length=10)
    return captioner.caption([frames])


print(seqae.__version__)
