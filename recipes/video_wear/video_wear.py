"""Watch machines wear: reconstruct frames, predict the next ones, and score how anomalous each part of a frame is.

A ConvLSTM (Shi et al. 2015, https://arxiv.org/abs/1506.04214) reads four frames; one decoder reconstructs them, another
predicts the next two (Srivastava et al. 2015, https://arxiv.org/abs/1502.04681). It learns from the first frames of
each video, when all was new, and scores every later frame by its largest error in a region, as the next frame and as
the one after it. The videos show slides that stick and slip once their guide is worn. Baselines are still frames,
principal components, the time that has passed, and linear prediction.

    python recipes/video_wear/video_wear.py
    python recipes/video_wear/video_wear.py --data-root folder/with/BSData
"""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from scores import changes, error_maps, evaluate, linear_prediction, scores_of_frames
from torch import Tensor, nn
from wear import read_videos

import seqae
from seqae import cli
from seqae.datasets import SequenceDataset
from seqae.evaluation import pca_reconstruction
from seqae.modules import CompositeAutoencoder, ConvLSTM, ConvLSTMDecoder, ConvLSTMEncoder, downsampled_size
from seqae.report import filmstrip_figure, loss_figure, save_figure, write_video

DATA = "synthetic slides that stick, or BSData's wear developments"
QUICK = {"data_root": "", "machines": 12, "channels": 8}
READ, CHUNK = 4, 6  # frames that are read, and these with those that are predicted


def main(
    data_root: str = os.environ.get("SEQAE_DATA", ""),
    folder: str = "",
    machines: int = 40,
    new: int = 25,
    channels: int = 16,
    epochs: int = 14,
    learning_rate: float = 5e-3,
    seed: int = 0,
    smoke: bool = False,
    out: Path = Path("runs"),
) -> dict[str, float]:
    """Learn from the first frames, and score later ones.

    Args:
        data_root: Folder that holds a clone of https://github.com/2Obe/BSData; synthetic videos if empty.
        folder: Folder of your own videos instead, each of one place from new on; which frames are worn is not known.
        machines: Synthetic videos, each of a machine of its own.
        new: Frames at the beginning of each video to learn from; the last six of them are held out.
        channels: Channels of the ConvLSTM's states.
        epochs: Passes over the frames.
        learning_rate: Highest learning rate, after a warm-up; it falls to zero along a cosine.
        seed: Seed of the weights and the order.
        smoke: Only try whether it runs, on synthetic videos.
        out: Folder for the results.
    """
    if smoke:
        data_root, machines, epochs, channels = "", 3, 2, 4
    run = seqae.Run(main, locals())
    seqae.configure_runtime()
    torch.manual_seed(seed)
    videos = read_videos(folder, data_root, new + CHUNK, machines, new)
    frames = [changes(video.frames.float() / 255, new) for video in videos]
    worn = [video.worn[new:] for video in videos]
    print(f"data   {len(videos)} videos of {len(frames[0])} frames of {' x '.join(map(str, frames[0].shape[2:]))}")
    model = composite(frames[0][:new], channels)
    chunks = [video[at : at + CHUNK] for video in frames for at in range(new - 2 * CHUNK + 1)]
    held_out = SequenceDataset([video[new - CHUNK : new] for video in frames])
    history = seqae.fit(
        seqae.ReconstructAndForecast(
            model, seqae.squared_error, READ, learning_rate, lr_scheduler=seqae.cosine_with_warmup
        ),
        seqae.make_loader(SequenceDataset(chunks), 8, seed),
        seqae.make_loader(held_out, 8, shuffle=False),
        epochs=epochs,
        patience=epochs,
    )

    reconstructed, predicted, ahead = zip(*(reconstruct_and_predict(model, video) for video in frames))
    pca = (pca_reconstruction(video[:new].numpy(), video.numpy(), 16) for video in frames)
    found: dict[str, list[Sequence[Tensor]]] = {
        "ConvLSTM, prediction": [predicted, ahead],
        "ConvLSTM, reconstruction": [reconstructed],
        "PCA, 16 components": [[torch.from_numpy(each) for each in pca]],
        "linear prediction": [linear_prediction(frames, new, READ, steps) for steps in (1, 2)],
        "the last frame again": [[torch.cat([each[:steps], each[:-steps]]) for each in frames] for steps in (1, 2)],
        "the mean of the first frames": [[torch.zeros_like(video) for video in frames]],
    }
    scores: dict[str, dict[str, float]] = {}
    for name, said in found.items():
        errors = [one - video for one, video in zip(said[0], frames)]
        scores[name] = {
            "error x 10,000": 1e4 * float(np.mean([error[new - CHUNK : new].square().mean() for error in errors])),
            **evaluate([each[new:] for each in scores_of_frames(said, frames, slice(READ + 1, new))], worn),
        }
    scores["the time that has passed"] = evaluate([np.arange(len(labels)) for labels in worn], worn)
    metrics = {f"{name}: {key}": value for name, row in scores.items() for key, value in row.items()}
    most = int(np.argmax([labels.sum() for labels in worn]))
    at = slice(first := max(READ, new + int(worn[most].argmax()) - 3), first + 8)  # where wear begins
    film, guess = frames[most], predicted[most]
    maps = F.interpolate(error_maps(guess - film), film.shape[2:])
    shown = {"video": 0.5 + film, "prediction": 0.5 + guess, "error in regions": maps / maps[at].max()}
    strips = {name: row[at].clamp(0, 1).numpy() for name, row in shown.items()}
    save_figure(filmstrip_figure(strips, title=f"{videos[most].name}, without its mean"), run.path("frames.png"))
    write_video(run.path("video.gif"), {name: row.clamp(0, 1).numpy() for name, row in shown.items()}, 8, 1)
    save_figure(loss_figure({"train": history.train, "held out": history.valid}), run.path("loss.png"))
    seqae.save(model, run.path("model"), metrics=metrics)
    run.finish([{"method": name, **row} for name, row in scores.items()], metrics)
    return metrics


def composite(video: Tensor, channels: int) -> CompositeAutoencoder:
    """Return the model for frames as in a video, `(time, 1, height, width)`; its first output is their mean."""
    rows, columns = downsampled_size(video.shape[2], video.shape[3], 2)

    def decoder() -> ConvLSTMDecoder:
        last = nn.ConvTranspose2d(channels, 1, 4, 2, 1)
        assert last.bias is not None
        nn.init.constant_(last.bias, float(video.mean()))
        up = nn.Sequential(nn.ConvTranspose2d(channels, channels, 4, 2, 1), nn.ReLU(), last)
        return ConvLSTMDecoder(ConvLSTM(0, channels), rows, columns, up)

    layers = nn.Conv2d(1, channels, 4, 2, 1), nn.ReLU(), nn.Conv2d(channels, channels, 4, 2, 1), nn.ReLU()
    encoder = ConvLSTMEncoder(ConvLSTM(channels, channels), rows, columns, embed=nn.Sequential(*layers))
    return CompositeAutoencoder(encoder, past=seqae.ReversedDecoder(decoder()), future=decoder())


def reconstruct_and_predict(model: CompositeAutoencoder, video: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return each frame of a video, `(time, 1, height, width)`, as it is reconstructed and as it is predicted, twice.

    A frame is reconstructed as the last of four that are read, and predicted from the four before it and from those one
    earlier. The first frames stay as they are.
    """
    chunks = video.unfold(0, READ, 1).permute(0, 4, 1, 2, 3)  # (chunk, time, channel, height, width)
    with seqae.evaluating(model):
        found = [model(seqae.Batch.full(part), torch.full((len(part),), 2)) for part in chunks.split(16)]
    reconstructed = torch.cat([video[: READ - 1], *(each.past.values[:, -1] for each in found)])
    one, two = (torch.cat([video[: READ + at], *(each.future.values[:, at] for each in found)]) for at in (0, 1))
    return reconstructed, one[: len(video)], two[: len(video)]


if __name__ == "__main__":
    cli.run(main)
