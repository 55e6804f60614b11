"""Watch surfaces wear: write frames again, foretell the next ones, and see which frames are strange.

A ConvLSTM (Shi et al. 2015, https://arxiv.org/abs/1506.04214) reads four frames of a spot; one decoder writes them
again, another the next two (Srivastava et al. 2015, https://arxiv.org/abs/1502.04681). It learns from the first frames
of each spot, when all were new, and then scores every later frame by its error. Beside it: principal components of the
same frames, the last frame again, the mean of the first frames, and the time that has passed, which knows no picture.

    python recipes/video_wear.py
    python recipes/video_wear.py --data-root folder/with/bsdata_pitting

BSData: 15 spots of ball screws, 69 frames each; the last 12 show another part of the screw and are left out. Labels of
people judge the scores and nothing else. Without data it makes its own films of growing pits.
"""

import os
from pathlib import Path

import numpy as np

from seqae import cli

DATA = "BSData's wear sequences, or generated films of growing pits"
MINUTES = 5
RESULT = "BSData, worn frames within a film: AUROC .917; PCA-16 .982, the time that has passed .989"
READ, AHEAD = 4, 2  # frames


def main(
    data_root: str = os.environ.get("SEQAE_DATA", ""),
    new: int = 25,
    last: int = 57,
    hidden: int = 16,
    epochs: int = 20,
    learning_rate: float = 3e-3,
    seed: int = 0,
    smoke: bool = False,
    out: Path = Path("runs"),
) -> dict[str, float]:
    """Learn from frames of new surfaces, and score later frames.

    Args:
        data_root: Folder of wear_sequences.zip, or the one above; made up if empty.
        new: Frames at the beginning of each film to learn from; the last six of them are held out.
        last: Frames of a film that are used.
        hidden: Channels of the maps that the ConvLSTM keeps.
        epochs: Passes over the frames.
        learning_rate: The highest; it goes up and then down to nothing.
        seed: Of weights and order.
        smoke: Only try whether it runs, on films made up.
        out: Folder for the results.
    """
    import torch
    from wear import growing_pits, wear_films

    import seqae
    from seqae.report import loss_figure, save_figure
    from seqae.report.figures.video import filmstrip_figure, write_video
    from seqae.report.run import Run

    if smoke:
        data_root, epochs, hidden = "", 2, 4
    torch.manual_seed(seed)
    seqae.configure_runtime()
    run = Run("video_wear", out, dict(data_root=data_root, new=new, last=last, hidden=hidden, epochs=epochs, seed=seed))
    films = growing_pits(3) if smoke else wear_films(data_root)
    frames = [film.frames[:last].float() / 255 for film in films]
    worn = [film.worn[new:last] for film in films]
    print(f"data   {len(films)} films of {len(frames[0])} frames of {' x '.join(map(str, frames[0].shape[2:]))}")

    model, history = trained([film[:new] for film in frames], hidden, epochs, learning_rate, seed)
    seen = torch.cat([film[:new] for film in frames])
    written, foretold = zip(*(by_model(model, film) for film in frames))
    found = {
        "ConvLSTM, frames written again": written,
        "ConvLSTM, frames foretold": foretold,
        "PCA, 16 components": principal(seen, frames, 16),
        "the last frame again": [torch.cat([film[:1], film[:-1]]) for film in frames],
        "the mean of the first frames": [film[:new].mean(dim=0, keepdim=True).expand_as(film) for film in frames],
    }
    results, metrics = [], {}
    for name, said in found.items():
        errors = [(one - film).square().mean(dim=(1, 2, 3)).numpy() for one, film in zip(said, frames)]
        line = {
            "method": name,
            "error, new": float(np.mean([error[new - 6 : new] for error in errors])),
            "error, later": float(np.mean([error[new:] for error in errors])),
            **judged([error[new:] / np.median(error[READ:new]) for error in errors], worn),
        }
        results.append(line)
        metrics |= {f"{name}: {key}": value for key, value in line.items() if key != "method"}
    passed = judged([np.arange(len(labels)) for labels in worn], worn)
    results.append({"method": "the time that has passed", "error, new": None, "error, later": None, **passed})
    metrics |= {f"the time that has passed: {key}": value for key, value in passed.items()}

    at = np.linspace(READ, len(frames[0]) - 1, 8).astype(int)
    shown = {"film": frames[0][at], "written again": written[0][at], "foretold": foretold[0][at]}
    shown["error of the foretold x 3"] = 3 * (shown["foretold"] - shown["film"]).abs()
    shown = {name: film.numpy() for name, film in shown.items()}
    save_figure(filmstrip_figure(shown, title=f"{films[0].name}: from new to worn"), run.path("strips.png"))
    write_video(run.path("film.gif"), {"film": frames[0].numpy(), "foretold": foretold[0].numpy()}, scale=1)
    save_figure(loss_figure({"train": history.train, "held out": history.valid}), run.path("loss.png"))
    seqae.save(model, run.path("model"), metrics=metrics)
    run.finish(results, metrics)
    return metrics


def trained(films, hidden: int, epochs: int, learning_rate: float, seed: int):
    """Return a composite of ConvLSTMs, and the history of its training."""
    from torch import nn

    import seqae
    from seqae.datasets.loader import DataLoader
    from seqae.datasets.sampler import LengthBucketSampler
    from seqae.datasets.sequences import SequenceDataset
    from seqae.modules.composite import CompositeAutoencoder
    from seqae.modules.conv_lstm import ConvLSTM, ConvLSTMDecoder, ConvLSTMEncoder
    from seqae.modules.images import downsampled_size
    from seqae.training.optimizers import cosine_with_warmup
    from seqae.training.tasks.forecasting import ReconstructAndForecast

    length, size = READ + AHEAD, tuple(films[0].shape[2:])
    rows, columns = downsampled_size(*size, 2)

    def decoder() -> ConvLSTMDecoder:
        last = nn.ConvTranspose2d(hidden, 1, 4, 2, 1)
        nn.init.constant_(last.bias, float(films[0].mean()))
        up = nn.Sequential(nn.ConvTranspose2d(hidden, hidden, 4, 2, 1), nn.ReLU(), last)
        return ConvLSTMDecoder(ConvLSTM(0, hidden), rows, columns, up)

    down = nn.Sequential(nn.Conv2d(1, hidden, 4, 2, 1), nn.ReLU(), nn.Conv2d(hidden, hidden, 4, 2, 1), nn.ReLU())
    encoder = ConvLSTMEncoder(ConvLSTM(hidden, hidden), rows, columns, embed=down)
    model = CompositeAutoencoder(encoder, past=seqae.ReversedDecoder(decoder()), future=decoder())
    learnt = SequenceDataset([film[at : at + length] for film in films for at in range(len(film) - 2 * length + 1)])
    held_out = SequenceDataset([film[-length:] for film in films])
    print(
        f"model  {sum(each.numel() for each in model.parameters()):,} parameters; {len(learnt.lengths)} pieces of films"
    )
    history = seqae.fit(
        ReconstructAndForecast(model, seqae.squared_error, READ, learning_rate, lr_scheduler=cosine_with_warmup),
        DataLoader(learnt, LengthBucketSampler(learnt.lengths, 8, seed)),
        DataLoader(held_out, LengthBucketSampler(held_out.lengths, 8, shuffle=False)),
        epochs=epochs,
        patience=epochs,
    )
    return model, history


def by_model(model, film):
    """Return each frame of a film as it is written again and as it is foretold; the first ones, which can't be, as are.

    A frame is written again as the last of the four that were read; foretold from the four before it.
    """
    import torch

    from seqae.batch import Batch
    from seqae.inference import evaluating

    pieces = film.unfold(0, READ, 1).permute(0, 4, 1, 2, 3)  # (piece, time, channel, height, width)
    with evaluating(model):
        found = [model(Batch.full(part), torch.ones(len(part), dtype=torch.long)) for part in pieces.split(16)]
    written = torch.cat([film[: READ - 1], *(each.past.values[:, -1] for each in found)])
    foretold = torch.cat([film[:READ], *(each.future.values[:, 0] for each in found)])[: len(film)]
    return written, foretold


def principal(seen, films, components: int):
    """Return what principal components make of each frame."""
    import torch

    rows = seen.flatten(start_dim=1)
    mean = rows.mean(dim=0)
    axes = torch.linalg.svd(rows - mean, full_matrices=False).Vh[:components]
    return [(mean + (film.flatten(1) - mean) @ axes.T @ axes).reshape(film.shape) for film in films]


def judged(scores: list[np.ndarray], worn: list[np.ndarray]) -> dict[str, float]:
    """Return the chance that a worn frame has the higher score: over all frames, and mean of those within a film."""
    from seqae.evaluation.anomalies import auc_roc

    within = [auc_roc(labels, score) for score, labels in zip(scores, worn) if 0 < labels.sum() < len(labels)]
    return {
        "AUROC of all": float(auc_roc(np.concatenate(worn), np.concatenate(scores))),
        "AUROC within films": float(np.mean(within)),
    }


if __name__ == "__main__":
    cli.run(main)
