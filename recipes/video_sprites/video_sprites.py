"""Find two moving digits as sprites, and predict their paths.

Content and pose apart: each digit is a template and a path (Jojic & Frey 2001,
https://doi.org/10.1109/CVPR.2001.990476), both found without labels and without training; a composite of LSTMs
(Srivastava et al. 2015, https://arxiv.org/abs/1502.04681) learns to continue paths. The recipe knows that there are
two bright sprites, and their size; `video_moving_digits` does not. Errors are sums over the
pixels of a frame.

    python recipes/video_sprites/video_sprites.py --dataset digits
    python recipes/video_sprites/video_sprites.py --data-root folder/with/MNIST
"""

import os
from collections.abc import Callable
from pathlib import Path

import torch
from paths import PathDecoder, PathEncoder
from sprites import SpriteFinder
from torch import Tensor

import seqae
from seqae import cli
from seqae.data import MovingMNIST, entropy, read_images
from seqae.datasets import SequenceDataset
from seqae.evaluation import video_prediction_errors
from seqae.modules import CompositeAutoencoder
from seqae.report import filmstrip_figure, loss_figure, save_figure, write_video

DATA = "Moving MNIST, made from MNIST or from scikit-learn's digits"
QUICK = {"dataset": "digits", "videos": 100, "test_videos": 30, "epochs": 80}
READ = 10  # frames
CODE_SIZE = 68
Method = Callable[[Tensor], tuple[Tensor, Tensor]]  # from the frames read to past and future


def main(
    data_root: str = os.environ.get("SEQAE_DATA", ""),
    dataset: str = "mnist",
    folder: str = "",
    videos: int = 3000,
    test_videos: int = 1000,
    epochs: int = 150,
    hidden_size: int = 64,
    learning_rate: float = 6e-3,
    seed: int = 0,
    smoke: bool = False,
    out: Path = Path("runs"),
) -> dict[str, float]:
    """Find sprites, train on their paths, and compare with still frames.

    Args:
        data_root: Folder of data sets in torchvision's layout; downloaded if it is empty.
        dataset: The images: mnist, fashion-mnist or digits.
        folder: Folder of ten images or more of your own to move instead, bright on dark, scaled to 28 x 28 pixels.
        videos: Videos in which sprites are looked for, to learn paths from.
        test_videos: Test videos, of the test digits.
        epochs: Passes over the paths.
        hidden_size: Units of the LSTMs.
        learning_rate: Highest learning rate, after a warm-up; it falls to zero along a cosine.
        seed: Seed of the videos and the weights.
        smoke: Only try whether it runs, on digits.
        out: Folder for the results.
    """
    if smoke:
        dataset, videos, test_videos, epochs = "digits", 40, 8, 2
    run = seqae.Run(main, locals())
    seqae.configure_runtime()
    torch.manual_seed(seed)
    images, test_images = read_images(dataset, data_root, folder)
    digit = max(images.size[1:])
    size = round(digit * 64 / 28)
    train = MovingMNIST(images, videos, size=size, seed=seed)
    valid = frames_of(MovingMNIST(images, max(8, test_videos // 5), size=size, seed=seed + 1))
    test = frames_of(MovingMNIST(test_images, test_videos, size=size, seed=seed + 2))
    floor = entropy(test[:200].flatten(0, 1))
    print(f"data   {videos} + {test_videos} videos of 20 frames, {size} x {size}; entropy of a frame {floor:.1f} nats")

    finder = SpriteFinder(size=digit)
    paths = find_paths(finder, train)
    print(f"paths  {len(paths)}; in the other videos, two sprites do not explain the frames")
    encoder, decoder = (
        PathEncoder(seqae.LSTM(4, hidden_size), CODE_SIZE),
        PathDecoder(CODE_SIZE, seqae.LSTM(4, hidden_size)),
    )
    model = CompositeAutoencoder(encoder, future=decoder)
    known, held_out = (SequenceDataset(list(each)) for each in (paths[len(paths) // 10 :], paths[: len(paths) // 10]))
    history = seqae.fit(
        seqae.ReconstructAndForecast(
            model, seqae.gaussian_nll, READ, learning_rate, lr_scheduler=seqae.cosine_with_warmup
        ),
        seqae.make_loader(known, 128, seed),
        seqae.make_loader(held_out, 1000, shuffle=False),
        epochs=epochs,
        patience=epochs,
    )

    methods: dict[str, Method] = {
        "the mean of the frames read": lambda read: 2 * (read.mean(dim=1, keepdim=True).expand_as(read),),
        "the last frame again": lambda read: 2 * (read[:, -1:].expand_as(read),),
        "sprites, LSTM of their paths": lambda read: reconstruct_and_predict(finder, model, read),
    }
    scores = {name: video_prediction_errors(method, valid, test, READ) for name, method in methods.items()}
    metrics = {f"{name}: {key}": value for name, row in scores.items() for key, value in row.items()}
    metrics |= {"entropy of the truth": floor, "fraction of videos explained": len(paths) / (2 * videos)}

    written = torch.cat(reconstruct_and_predict(finder, model, test[:1, :READ]), dim=1)[0].numpy()
    shown = {"truth": test[0].numpy(), "sprites": written}
    save_figure(filmstrip_figure(shown, READ, "Ten frames reconstructed, ten predicted"), run.path("frames.png"))
    write_video(run.path("video.mp4"), shown)
    save_figure(loss_figure({"train": history.train, "held out": history.valid}), run.path("loss.png"))
    seqae.save(model, run.path("model"), metrics=metrics)
    run.finish([{"method": name, **row} for name, row in scores.items()], metrics)
    return metrics


def frames_of(videos: MovingMNIST, first: int = 0, count: int | None = None) -> Tensor:
    """Return the frames of all videos, or of some, `(video, frame, 1, size, size)`."""
    stop = len(videos) if count is None else min(first + count, len(videos))
    return torch.stack([videos[index] for index in range(first, stop)])


def find_paths(finder: SpriteFinder, videos: MovingMNIST) -> Tensor:
    """Return the scaled paths, `(path, frame, 2)`, of videos whose frames two sprites explain."""
    paths = []
    for first in range(0, len(videos), 64):
        found = finder(frames_of(videos, first, 64))
        paths.append(scaled(found.paths[found.errors <= finder.max_error], videos.size).flatten(0, 1))
    return torch.cat(paths)


def scaled(paths: Tensor, size: int) -> Tensor:
    """Return positions in pixels as values from -1 to 1."""
    return paths / (size / 2) - 1


def reconstruct_and_predict(finder: SpriteFinder, model: CompositeAutoencoder, read: Tensor) -> tuple[Tensor, Tensor]:
    """Return the frames that were read, `(video, frame, 1, height, width)`, and as many that are expected to follow."""
    height, width = read.shape[-2:]
    found = finder(read)
    with seqae.evaluating(model):
        written = model.predict(seqae.Batch.full(scaled(found.paths, height).flatten(0, 1)), READ).values
    positions, log_variances = written.unflatten(0, found.paths.shape[:2]).chunk(2, dim=-1)
    deviations = (log_variances / 2).exp() * height / 2
    future = found.draw((positions + 1) * height / 2, deviations, height, width)
    return found.draw(found.paths, torch.zeros_like(found.paths), height, width), future


if __name__ == "__main__":
    cli.run(main)
