"""Read ten frames of two moving digits, write them again, and foretell the next ten.

Two ways to a code. A recurrent one: a CNN reads each frame, an LSTM the film, two more LSTMs write past and future
(Srivastava et al. 2015, https://arxiv.org/abs/1502.04681). And a structured one, content and pose apart: each digit is
a sprite with one look and a path (Jojic & Frey 2001, https://doi.org/10.1109/CVPR.2001.990476), both found without
labels; an LSTM learns from found paths how they go on. It is told that there are two bright sprites, and their size.

    python recipes/video_moving_digits.py --dataset digits
    python recipes/video_moving_digits.py --data-root folder/with/MNIST

Moving MNIST (64 x 64, two digits), the test films made of the test digits of MNIST. Errors are sums over the pixels of
a frame. No model can get below 86.4 nats, since grey pixels are uncertain. Published, each with its own test films:
cross-entropy of the past 213 and of the future 346 (a run of the original code), 341 (Srivastava et al.); squared error
of the future 103 (ConvLSTM), 56.8 (PredRNN), 29.8 (ConvLSTM in OpenSTL, 200 epochs, days of a GPU).
"""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from seqae import cli

if TYPE_CHECKING:
    from torch import Tensor

    Method = Callable[[Tensor], tuple[Tensor, Tensor]]  # the frames read in; past and future out

DATA = "Moving MNIST, made from MNIST or from scikit-learn's digits"
MINUTES = 15
RESULT = "past 89 nats, future 192, squared error 32.7; mean of the frames read 469, 833, 187; floor 86 nats"
EPOCHS = 10  # of the recurrent model, each of other films
CERTAIN = (1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.03)  # how near to black and white a prediction may be


def main(
    data_root: str = os.environ.get("SEQAE_DATA", ""),
    dataset: str = "mnist",
    films: int = 3000,
    test_films: int = 1000,
    lstm_films: int = 8000,
    epochs: int = 150,
    hidden_size: int = 256,
    seed: int = 0,
    smoke: bool = False,
    out: Path = Path("runs"),
) -> dict[str, float]:
    """Train both models and compare them with what knows nothing.

    Args:
        data_root: Folder of data sets in torchvision's layout; downloaded if it is empty.
        dataset: One of mnist, fashion-mnist, digits.
        films: In which sprites are looked for, to learn paths from.
        test_films: To judge by.
        lstm_films: That the recurrent model sees, each once.
        epochs: Of learning paths.
        hidden_size: Of the LSTMs that read and write frames.
        seed: Of films and weights.
        smoke: Only try whether it runs, on digits.
        out: Folder for the results.
    """
    import numpy as np
    import torch

    import seqae
    from seqae.data.images.mnist import read_images
    from seqae.data.video.moving_mnist import MovingMNIST, entropy
    from seqae.report import loss_figure, save_figure
    from seqae.report.figures.video import filmstrip_figure, write_video
    from seqae.report.run import Run

    if smoke:
        dataset, films, test_films, lstm_films, epochs, hidden_size = "digits", 40, 8, 32, 2, 16
    torch.manual_seed(seed)
    seqae.configure_runtime()
    settings = dict(dataset=dataset, films=films, test_films=test_films, lstm_films=lstm_films, epochs=epochs)
    run = Run("video_moving_digits", out, {**settings, "hidden_size": hidden_size, "seed": seed})
    images, test_images = read_images(dataset, data_root)
    if dataset == "digits":  # of 8 x 8 pixels
        images, test_images = enlarged(images), enlarged(test_images)
    digit = max(images.size[1:])
    size = round(digit * 64 / 28)
    test = MovingMNIST(test_images, test_films, size=size, seed=seed + 2)
    held_out = MovingMNIST(images, max(8, test_films // 5), size=size, seed=seed + 1)
    floor = entropy(test.batch(np.arange(min(test_films, 200))).steps)
    print(
        f"data   {films} + {test_films} films of 20 frames, {size} x {size}; no code is below {floor:.1f} nats a frame"
    )

    train = MovingMNIST(images, films, size=size, seed=seed)
    mean = train.batch(np.arange(min(films, 200))).values.mean(dim=(0, 1))
    methods, results, metrics = {}, [], {"nats of the truth": floor}

    def judge(name: str, method: "Method", model=None, began: float = 0.0) -> None:
        effort = {} if model is None else {"parameters": count(model), "minutes": (time.process_time() - began) / 60}
        methods[name], found = method, judged(method, held_out, test)
        metrics.update({f"{name}: {key}": value for key, value in found.items()})
        results.append({"method": name, **found, **(effort or {"parameters": None, "minutes": None})})
        print("  ".join([name, *(f"{key} {value:.1f}" for key, value in found.items())]))

    for name, method in simple(mean).items():
        judge(name, method)
    began = time.process_time()
    paths_model, paths_history = trained_on_paths(train, digit, epochs, seed)
    judge("sprites, LSTM of their paths", by_sprites(paths_model, digit), paths_model, began)
    began, fresh = time.process_time(), MovingMNIST(images, lstm_films, size=size, seed=seed + 3)
    composite, history = trained_on_frames(fresh, held_out, hidden_size, seed)
    judge("CNN + LSTM, past and future", by_frames(composite), composite, began)
    far, drift = extrapolated(paths_model, test_images, size, digit, 20 if smoke else 100, min(50, test_films), seed)
    metrics |= drift

    truth = test[0].numpy()
    shown = {"truth": truth}
    for name in list(methods)[-2:]:
        past, future = methods[name](test[0][None, :10])
        shown[name] = torch.cat([past, future], dim=1)[0].numpy()
    save_figure(filmstrip_figure(shown, 10, "A test film: ten frames read, ten foretold"), run.path("strips.png"))
    write_video(run.path("films.gif"), shown, scale=2)
    write_video(run.path("films.mp4"), shown)
    write_video(run.path("far.mp4"), far)
    save_figure(
        filmstrip_figure({name: film[9::10] for name, film in far.items()}, 1, "Every tenth frame, ten of them read"),
        run.path("far.png"),
    )
    save_figure(loss_figure({"train": history.train, "held out": history.valid}), run.path("loss.png"))
    save_figure(
        loss_figure({"train": paths_history.train, "held out": paths_history.valid}), run.path("loss-paths.png")
    )
    seqae.save(composite, run.path("model"), metrics=metrics)
    seqae.save(paths_model, run.path("model-paths"), metrics=metrics)
    run.finish(results, metrics)
    return metrics


def enlarged(images):
    """Return images of twice the height and width."""
    from seqae.datasets.images import ImageDataset

    return ImageDataset(images.pixels.repeat_interleave(2, 2).repeat_interleave(2, 3), images.labels)


def count(model) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def simple(mean: "Tensor") -> "dict[str, Method]":
    """Return what knows nothing: the same frame throughout."""
    return {
        "black frames": lambda past: (past * 0, past * 0),
        "the mean frame": lambda past: (mean.expand_as(past), mean.expand_as(past)),
        "the mean of the frames read": lambda past: 2 * (past.mean(dim=1, keepdim=True).expand_as(past),),
        "the last frame again": lambda past: 2 * (past[:, -1:].expand_as(past),),
    }


def trained_on_frames(films, held_out, hidden_size: int, seed: int):
    """Return a composite of LSTMs over frames, and the history of its training: each film is seen once."""
    import seqae
    from seqae.data.video.moving_mnist import EpochSampler
    from seqae.datasets.loader import DataLoader
    from seqae.datasets.sampler import LengthBucketSampler
    from seqae.modules.composite import CompositeAutoencoder
    from seqae.modules.images import frame_decoder, frame_encoder
    from seqae.training.optimizers import OneSidedShampoo, cosine_with_warmup
    from seqae.training.tasks.forecasting import ReconstructAndForecast

    size, maps = (1, films.size, films.size), (16, 32, 64, 64)
    dark = float(held_out.batch(range(len(held_out))).values.mean().logit())

    def decoder():
        head = frame_decoder(hidden_size, maps[::-1], size, output_bias=dark)
        return seqae.RepeatDecoder(seqae.LSTM(hidden_size, hidden_size), head)

    reader = seqae.LSTM(hidden_size, hidden_size)
    encoder = seqae.RecurrentEncoder(reader, hidden_size, embed=frame_encoder(size, maps, hidden_size))
    model = CompositeAutoencoder(encoder, past=seqae.ReversedDecoder(decoder()), future=decoder())
    print(f"model  CNN + LSTM: {count(model):,} parameters, a code of {hidden_size} numbers")
    task = ReconstructAndForecast(
        model,
        seqae.binary_cross_entropy,
        context_length=10,
        optimizer=lambda model: OneSidedShampoo(model.parameters()),
        lr_scheduler=cosine_with_warmup,
    )
    loader = DataLoader(films, EpochSampler(len(films) // EPOCHS, 16))
    valid = DataLoader(held_out, LengthBucketSampler(held_out.lengths, 50, shuffle=False))
    return model, seqae.fit(task, loader, valid, epochs=EPOCHS, patience=EPOCHS)


def by_frames(model) -> "Method":
    """Return what the composite makes of frames, as probabilities."""
    import torch

    from seqae.batch import Batch
    from seqae.inference import evaluating

    def method(past: "Tensor") -> "tuple[Tensor, Tensor]":
        with evaluating(model):
            found = model(Batch.full(past), torch.full((len(past),), 10))
        return found.past.values.sigmoid(), found.future.values.sigmoid()

    return method


def trained_on_paths(films, digit: int, epochs: int, seed: int):
    """Return a composite that foretells paths, and the history of its training; its truth are paths that were found."""
    import torch
    from paths import PathDecoder, PathEncoder
    from sprites import SpriteFinder

    import seqae
    from seqae.datasets.loader import DataLoader
    from seqae.datasets.sampler import LengthBucketSampler
    from seqae.datasets.sequences import SequenceDataset
    from seqae.modules.composite import CompositeAutoencoder
    from seqae.training.optimizers import cosine_with_warmup
    from seqae.training.tasks.forecasting import ReconstructAndForecast

    finder, paths = SpriteFinder(size=digit), []
    for at in range(0, len(films), 64):
        found = finder(films.batch(range(at, min(at + 64, len(films)))).values)
        good = found.errors <= finder.enough
        paths.append(scaled(found.paths[good], films.size).flatten(0, 1))
    known = torch.cat(paths)
    print(f"data   {len(known)} paths of {len(films)} films; in the others, sprites did not explain the frames")
    code_size, held_out = 68, len(known) // 10
    model = CompositeAutoencoder(
        PathEncoder(seqae.LSTM(4, 64), code_size), future=PathDecoder(code_size, seqae.LSTM(4, 64))
    )
    print(f"model  LSTM of paths: {count(model):,} parameters")
    train, valid = SequenceDataset(list(known[held_out:])), SequenceDataset(list(known[:held_out]))
    history = seqae.fit(
        ReconstructAndForecast(
            model, seqae.gaussian_nll, context_length=10, learning_rate=6e-3, lr_scheduler=cosine_with_warmup
        ),
        DataLoader(train, LengthBucketSampler(train.lengths, 128, seed)),
        DataLoader(valid, LengthBucketSampler(valid.lengths, 1000, shuffle=False)),
        epochs=epochs,
        patience=epochs,
    )
    return model, history


def scaled(paths: "Tensor", size: int) -> "Tensor":
    """Return places in pixels as numbers from -1 to 1."""
    return paths / (size / 2) - 1


def by_sprites(model, digit: int, steps: int = 10, certain: bool = False) -> "Method":
    """Return what sprites and their expected paths make of frames.

    Args:
        model: Foretells paths.
        digit: Height and width of a sprite.
        steps: Frames to foretell.
        certain: Whether sprites are drawn sharply, at the likeliest place.
    """
    import torch
    from sprites import SpriteFinder

    from seqae.batch import Batch
    from seqae.inference import evaluating

    def method(past: "Tensor") -> "tuple[Tensor, Tensor]":
        height, width = past.shape[-2:]
        found = SpriteFinder(size=digit)(past)
        paths = found.paths
        with evaluating(model):
            written = model.predict(Batch.full(scaled(paths, height).flatten(0, 1)), steps).values
        places, log_variances = written.unflatten(0, paths.shape[:2]).chunk(2, dim=-1)
        spread = torch.zeros_like(places) if certain else (log_variances / 2).exp() * height / 2
        future = found.draw((places + 1) * height / 2, spread, height, width)
        return found.draw(paths, torch.zeros_like(paths), height, width), future

    return method


def judged(method: "Method", held_out, test) -> dict[str, float]:
    """Return squared errors and nats of the test films, sums over the pixels of a frame.

    How certain a method may be of black and white is chosen on other films.
    """
    chosen, found = {}, measured(method, test)
    for (name, least), value in measured(method, held_out).items():
        if name not in chosen or value < chosen[name][0]:
            chosen[name] = value, found[name, least]
    return {name: value for name, (_, value) in chosen.items()}


def measured(method: "Method", films) -> dict[tuple[str, float], float]:
    """Return squared errors and nats by their name and by how certain the method may be."""
    import numpy as np

    from seqae.evaluation.images import image_cross_entropy, squared_distance

    sums: dict[tuple[str, float], float] = {}
    for at in range(0, len(films), 50):
        truth = films.batch(np.arange(at, min(at + 50, len(films)))).values
        for part, said, true in zip(("past", "future"), method(truth[:, :10]), (truth[:, :10], truth[:, 10:])):
            frames, real = (each.flatten(0, 1).numpy() for each in (said, true))
            values = {(f"squared error of the {part}", 0.0): squared_distance(frames, real).mean()}
            for least in CERTAIN:
                values[f"nats of the {part}", least] = real[0].size * image_cross_entropy(frames, real, least).mean()
            for key, value in values.items():
                sums[key] = sums.get(key, 0.0) + float(value) * len(truth) / len(films)
    return sums


def extrapolated(model, images, size: int, digit: int, frames: int, count: int, seed: int):
    """Return a long film and what is foretold of it after ten frames, by name; and errors of later frames."""
    import numpy as np
    import torch

    from seqae.data.video.moving_mnist import MovingMNIST

    films = MovingMNIST(images, count, frames, size, seed=seed + 4)
    truth = films.batch(np.arange(len(films))).values
    past, future = by_sprites(model, digit, frames - 10, certain=True)(truth[:, :10])
    written = torch.cat([past, future], dim=1)
    errors = (written - truth).square().sum(dim=(2, 3, 4)).mean(dim=0)
    drift = {
        f"sprites: squared error of frame {frame}": float(errors[frame - 1]) for frame in range(20, frames + 1, 20)
    }
    return {"truth": truth[0].numpy(), "ten frames read": written[0].numpy()}, drift


if __name__ == "__main__":
    cli.run(main)
