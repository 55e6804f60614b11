"""Scores of frames, how well they rank worn frames before others, and a baseline that predicts frames linearly."""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from seqae.evaluation import auc_roc

REGION = 8  # pixels


def changes(frames: Tensor, new: int) -> Tensor:
    """Return how frames `(time, 1, height, width)` differ from the mean of the first ones, under even light."""
    even = frames * (frames[:new].mean() / frames.mean(dim=(1, 2, 3), keepdim=True))
    return even - even[:new].mean(dim=0)


def error_maps(errors: Tensor) -> Tensor:
    """Return the mean squared error of regions of 8 x 8 pixels, `(time, 1, rows, columns)`, every 4 pixels."""
    return F.avg_pool2d(errors.square(), REGION, stride=REGION // 2)


def scores_of_frames(predictions: Sequence[Sequence[Tensor]], videos: Sequence[Tensor], new: slice) -> list[np.ndarray]:
    """Return for each video the scores of its frames, `(time,)`: the largest error in a region of any prediction.

    Errors are counted in medians of those of the new frames.

    Args:
        predictions: Each has a video `(time, 1, height, width)` for each of `videos`.
        videos: The videos `(time, 1, height, width)` themselves.
        new: The frames that are new, of which there are predictions.
    """
    scores = [np.zeros(len(video)) for video in videos]
    for said in predictions:
        for at, (one, video) in enumerate(zip(said, videos)):
            largest = error_maps(one - video).amax(dim=(1, 2, 3)).numpy()
            scores[at] = np.maximum(scores[at], largest / np.median(largest[new]))
    return scores


def evaluate(scores: Sequence[np.ndarray], worn: Sequence[np.ndarray]) -> dict[str, float]:
    """Return AUROCs of worn frames: over all frames, within each video, and among frames of the same time.

    The last one compares frames of different videos that are equally old, so that a clock has 0.5; it is only there
    if all videos are of one length.
    """
    labels, within = (
        np.concatenate(worn),
        [auc_roc(*pair) for pair in zip(worn, scores) if 0 < pair[0].sum() < len(pair[0])],
    )
    if not within:
        return {}
    found = {"AUROC of all": auc_roc(labels, np.concatenate(scores)), "AUROC within videos": float(np.mean(within))}
    if len({len(each) for each in worn}) == 1:
        found["AUROC at the same time"] = _at_the_same_time(np.stack(scores), np.stack(worn))
    return found


def linear_prediction(videos: Sequence[Tensor], new: int, read: int, ahead: int = 1, side: int = 9) -> list[Tensor]:
    """Return videos `(time, 1, height, width)` as a linear function of what was around each pixel predicts them.

    The function reads squares of `side` pixels in the frames up to `ahead` frames before; it is fitted to the new
    frames of all videos by ridge regression. The first frames stay as they are.
    """
    size = read * side**2
    products, targets = torch.zeros(size, size), torch.zeros(size)
    for video in videos:
        around = F.unfold(_before(video[:new], read, ahead), side, padding=side // 2).transpose(1, 2).reshape(-1, size)
        products += around.T @ around
        targets += around.T @ video[read + ahead - 1 : new].flatten()
    ridge = 1e-3 * products.diagonal().mean() * torch.eye(size)
    weights = torch.linalg.solve(products + ridge, targets).view(1, read, side, side)
    predicted = (F.conv2d(_before(video, read, ahead), weights, padding=side // 2) for video in videos)
    return [torch.cat([video[: read + ahead - 1], found]) for video, found in zip(videos, predicted)]


def _before(video: Tensor, read: int, ahead: int) -> Tensor:
    """Return the frames up to `ahead` before each one as channels, `(time - read - ahead + 1, read, height, width)`."""
    return video.squeeze(1).unfold(0, read, 1)[:-ahead].permute(0, 3, 1, 2)


def _at_the_same_time(scores: np.ndarray, worn: np.ndarray) -> float:
    """Return the share of pairs of a worn and another frame of one time, `(video, time)`, that are in order."""
    pairs = worn[:, None] & ~worn[None]
    above = (scores[:, None] > scores[None]) + 0.5 * (scores[:, None] == scores[None])
    return float(above[pairs].mean()) if pairs.any() else float("nan")
