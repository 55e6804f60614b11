"""Sprites: bright objects that move in front of black, each with one template and one path.

Flexible sprites of Jojic & Frey 2001, https://doi.org/10.1109/CVPR.2001.990476, here with the larger value where
sprites overlap. Templates and paths are fitted to each video in alternation: paths given templates, templates given
paths. There are no parameters to train; the continuation of paths is learnt, see `paths`.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Sprites:
    """The sprites of videos.

    Attributes:
        templates: `(video, sprite, size, size)`.
        corners: `(video, sprite, time, 2)`, row and column of the upper left corner of a template, int64.
        errors: `(video,)`, squared error of a frame, sum over pixels and mean over frames.
    """

    templates: Tensor
    corners: Tensor
    errors: Tensor

    @property
    def centers(self) -> Tensor:
        """The center of mass of each template, `(video, sprite, 2)`, from its corner."""
        positions = torch.arange(self.templates.shape[-1], dtype=self.templates.dtype)
        mass = self.templates.sum(dim=(-1, -2)).clamp(min=1e-6)
        moments = [self.templates.sum(dim=dim) @ positions for dim in (-1, -2)]
        return torch.stack(moments, dim=-1) / mass.unsqueeze(-1)

    @property
    def paths(self) -> Tensor:
        """The centers of mass in the frames, `(video, sprite, time, 2)`."""
        return self.corners + self.centers.unsqueeze(2)

    def draw(self, paths: Tensor, deviation: Tensor, height: int, width: int) -> Tensor:
        """Return the expected frames for uncertain positions, `(video, time, 1, height, width)` from 0 to 1.

        Args:
            paths: Expected centers of mass, `(video, sprite, time, 2)`, any number of frames.
            deviation: Standard deviations of the same shape, in pixels; 0 draws sprites as they are.
            height: Height of a frame.
            width: Width of a frame.
        """
        corners, size = paths - self.centers.unsqueeze(2), self.templates.shape[-1]
        down = _pixel_probabilities(corners[..., 0], deviation[..., 0], height, size)
        across = _pixel_probabilities(corners[..., 1], deviation[..., 1], width, size)
        drawn = down @ self.templates.unsqueeze(2) @ across.transpose(-1, -2)
        return drawn.amax(dim=1).unsqueeze(2)


@dataclass(frozen=True)
class SpriteFinder:
    """Finds sprites in videos `(video, time, 1, height, width)` from 0 to 1 with a black background.

    It starts with the frame in which the light is farthest apart, and divides it by k-means; it tracks each part
    through the video at half the resolution, and then refines templates and positions in alternation.

    Args:
        sprites: Number of sprites in a video.
        size: Height and width of a template, which must hold a sprite.
        max_attempts: Frames to start with, one after the other, until a video is explained.
        rounds: Number of refinements.
        max_error: Squared error of a frame, sum over pixels, below which a video is explained.
    """

    sprites: int = 2
    size: int = 28
    max_attempts: int = 4
    rounds: int = 4
    max_error: float = 2.0

    def __call__(self, videos: Tensor, batch_size: int = 64) -> Sprites:
        """Return the sprites of each video.

        Args:
            videos: `(video, time, 1, height, width)` float from 0 to 1.
            batch_size: Videos that are worked on together.

        Raises:
            ValueError: The videos have another shape.
        """
        if videos.ndim != 5 or videos.shape[2] != 1:
            raise ValueError(f"videos of shape {tuple(videos.shape)}. Expected (video, time, 1, height, width)")
        found = [self._best(part) for part in videos[:, :, 0].split(batch_size)]
        return Sprites(*(torch.cat(parts) for parts in zip(*found)))

    def _best(self, frames: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        templates, corners, errors = self._attempt(frames, 0)
        for rank in range(1, min(self.max_attempts, frames.shape[1])):
            bad = errors > self.max_error
            if not bad.any():
                break
            again = self._attempt(frames[bad], rank)
            better = again[2] < errors[bad]
            chosen = bad.nonzero()[better, 0]
            for kept, new in zip((templates, corners, errors), again):
                kept[chosen] = new[better]
        return templates, corners, errors

    def _attempt(self, frames: Tensor, rank: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return templates, corners and errors, starting with the frame of that rank by the variance of its light."""
        half = F.avg_pool2d(frames, 2)
        margin, small = self.size // 2, self.size // 2
        corners = 2 * (
            self._track(F.pad(half, [small] * 4), small, _light_variance(half).argsort(1)[:, -1 - rank]) - small
        )
        padded = F.pad(frames, [margin] * 4)
        corners = _clamp(corners + margin, padded, self.size)
        templates = torch.stack(
            [_low_quantile(padded, corners[:, each], self.size) for each in range(self.sprites)], dim=1
        )
        for turn in range(self.rounds):
            radius = 2 if turn < 2 else 1
            for each in range(self.sprites):
                beside = _render(_others(templates, each), _others(corners, each), padded.shape[-2:])
                corners[:, each] = _best_corners(padded, beside, templates[:, each], corners[:, each], radius)
                estimate = _low_quantile if turn == 0 else _visible_mean
                templates[:, each] = estimate(padded, corners[:, each], self.size, beside)
        errors = (_render(templates, corners, padded.shape[-2:]) - padded).square().sum(dim=(-1, -2)).mean(dim=1)
        return templates, corners - margin, errors

    def _track(self, frames: Tensor, size: int, first: Tensor) -> Tensor:
        """Return the corners `(video, sprite, time, 2)` of parts of the first frame, tracked forward and backward."""
        videos, time = torch.arange(len(frames)), frames.shape[1]
        begin = frames[videos, first]
        centers, parts = _k_means(begin, self.sprites)
        start = _clamp((centers - size / 2 + 0.5).round().long(), frames, size)
        templates = torch.stack(
            [_crop(begin * parts[:, each], start[:, each], size) for each in range(self.sprites)], dim=1
        )
        corners = start.unsqueeze(2).repeat(1, 1, time, 1)
        for way in (1, -1):
            position, step = start.clone(), torch.zeros_like(start)
            for moment in range(1, time):
                at = first + way * moment
                inside = ((at >= 0) & (at < time)).nonzero()[:, 0]
                if not len(inside):
                    break
                frame, at = frames[inside, at[inside]].unsqueeze(1), at[inside]
                ahead = _clamp((position + step)[inside], frames, size)
                now = self._locate(frame, templates[inside], ahead)
                step[inside], position[inside] = now - position[inside], now
                corners[inside, :, at] = now
        return corners

    def _locate(self, frame: Tensor, templates: Tensor, ahead: Tensor) -> Tensor:
        """Return the corners `(video, sprite, 2)` in one frame, near the expected ones."""
        now = ahead.clone()
        for _ in range(2):
            for each in range(self.sprites):
                beside = _render(_others(templates, each), _others(now, each).unsqueeze(2), frame.shape[-2:])
                found = _best_corners(
                    frame, beside, templates[:, each], ahead[:, each].unsqueeze(1), 3, distance_cost=0.02
                )
                now[:, each] = found[:, 0]
        return now


def _pixel_probabilities(corners: Tensor, deviation: Tensor, pixels: int, size: int) -> Tensor:
    """Return the probability that a row of a template is in a row of the frame, `(..., pixels, size)`."""
    shift = torch.arange(pixels).unsqueeze(1) - torch.arange(size)
    away = shift - corners[..., None, None]
    normal = torch.distributions.Normal(0.0, deviation[..., None, None].clamp(min=1e-3))
    return normal.cdf(away + 0.5) - normal.cdf(away - 0.5)


def _light_variance(frames: Tensor) -> Tensor:
    """Return the variance of the positions of the light, `(video, time)`, of frames `(video, time, height, width)`."""
    light = frames.sum(dim=(-1, -2)).clamp(min=1e-6)
    variances = []
    for dim in (-1, -2):
        line = frames.sum(dim=dim)
        positions = torch.arange(line.shape[-1], dtype=line.dtype)
        mean = (line @ positions / light).unsqueeze(-1)
        variances.append((line * (positions - mean).square()).sum(dim=-1) / light)
    return variances[0] + variances[1]


def _k_means(frames: Tensor, parts: int, turns: int = 8) -> tuple[Tensor, Tensor]:
    """Return centers `(video, part, 2)` and parts `(video, part, height, width)` of frames `(video, height, width)`.

    k-means of the light (Lloyd 1982, https://doi.org/10.1109/TIT.1982.1056489), from positions that are far apart.
    """
    height, width = frames.shape[-2:]
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    positions = torch.stack([rows, columns], dim=-1).flatten(0, 1).to(frames.dtype)
    light = frames.flatten(start_dim=1)
    mean = light @ positions / light.sum(dim=1, keepdim=True).clamp(min=1e-6)
    bright = light > 0.3 * light.amax(dim=1, keepdim=True)
    nearest, starts = (positions - mean.unsqueeze(1)).square().sum(dim=-1), []
    for number in range(parts):
        starts.append(positions[(nearest * bright).argmax(dim=1)])
        distance = (positions - starts[-1].unsqueeze(1)).square().sum(dim=-1)
        nearest = distance if number == 0 else torch.minimum(nearest, distance)
    centers = torch.stack(starts, dim=1)
    for _ in range(turns):
        own = _nearest(positions, centers)
        weight = own * light.unsqueeze(-1)
        centers = torch.einsum("npk,pd->nkd", weight, positions) / weight.sum(dim=1).clamp(min=1e-6).unsqueeze(-1)
    return centers, _nearest(positions, centers).transpose(1, 2).unflatten(2, (height, width))


def _nearest(positions: Tensor, centers: Tensor) -> Tensor:
    """Return 1 for the nearest of the centers `(video, part, 2)` and 0 for the others, `(video, position, part)`."""
    distances = (positions[None, :, None] - centers.unsqueeze(1)).square().sum(dim=-1)
    return F.one_hot(distances.argmin(dim=-1), centers.shape[1]).to(positions.dtype)


def _others(values: Tensor, each: int) -> Tensor:
    return torch.cat([values[:, :each], values[:, each + 1 :]], dim=1)


def _clamp(corners: Tensor, frames: Tensor, size: int) -> Tensor:
    """Return the nearest corners of windows that lie within the frames."""
    return corners.clamp(min=0).minimum(torch.tensor(frames.shape[-2:]) - size)


def _pixel_indices(corners: Tensor, size: int, width: int) -> Tensor:
    """Return the indices of the pixels of windows at corners `(window, 2)`, `(window, size * size)`."""
    steps = torch.arange(size)
    rows, columns = corners[:, :1] + steps, corners[:, 1:] + steps
    return (rows.unsqueeze(2) * width + columns.unsqueeze(1)).flatten(start_dim=1)


def _crop(frames: Tensor, corners: Tensor, size: int) -> Tensor:
    """Return one window `(window, size, size)` of each frame `(window, height, width)`."""
    pixels = _pixel_indices(corners, size, frames.shape[-1])
    return frames.flatten(start_dim=1).gather(1, pixels).unflatten(1, (size, size))


def _render(templates: Tensor, corners: Tensor, shape: torch.Size) -> Tensor:
    """Return frames `(video, time, height, width)`, given templates and their corners `(video, sprite, time, 2)`."""
    videos, sprites, time = corners.shape[:3]
    frames = templates.new_zeros(videos * time, shape[0] * shape[1])
    for each in range(sprites):
        pixels = _pixel_indices(corners[:, each].flatten(0, 1), templates.shape[-1], shape[1])
        template = templates[:, each].flatten(start_dim=1).repeat_interleave(time, dim=0)
        frames = frames.scatter(1, pixels, torch.maximum(frames.gather(1, pixels), template))
    return frames.unflatten(1, shape).unflatten(0, (videos, time))


def _best_corners(
    frames: Tensor, beside: Tensor, template: Tensor, corners: Tensor, radius: int, distance_cost: float = 0.0
) -> Tensor:
    """Return the best corners `(video, time, 2)` within a radius: those with the smallest squared error of the frame.

    Args:
        frames: `(video, time, height, width)`.
        beside: The frames drawn by the other sprites, of the same shape.
        template: `(video, size, size)`.
        corners: The centres of the search, `(video, time, 2)`.
        radius: Largest distance in pixels, in each direction.
        distance_cost: Cost of a squared pixel between a corner and the center of its search.
    """
    videos, time = corners.shape[:2]
    size, wide = template.shape[-1], 2 * radius + 1
    center = corners.flatten(0, 1)
    base = _clamp(center - radius, frames, size + 2 * radius)
    here, there = (
        _crop(each.flatten(0, 1), base, size + 2 * radius).unfold(1, size, 1).unfold(2, size, 1)
        for each in (frames, beside)
    )
    drawn = template.repeat_interleave(time, dim=0)[:, None, None]
    cost = ((here - torch.maximum(drawn, there)).square() - (here - there).square()).sum(dim=(-1, -2))
    if distance_cost:
        away = (base.unsqueeze(1) + torch.arange(wide).unsqueeze(1) - center.unsqueeze(1)).square().to(cost.dtype)
        cost = cost + distance_cost * (away[:, :, :1] + away[:, :, 1:].transpose(1, 2))
    best = cost.flatten(start_dim=1).argmin(dim=1)
    return (base + torch.stack([best // wide, best % wide], dim=1)).unflatten(0, (videos, time))


def _low_quantile(frames: Tensor, corners: Tensor, size: int, beside: Tensor | None = None) -> Tensor:
    """Return templates `(video, size, size)`: a low quantile over time, since another sprite can only add light."""
    return _crop_over_time(frames, corners, size).quantile(0.3, dim=1)


def _visible_mean(frames: Tensor, corners: Tensor, size: int, beside: Tensor) -> Tensor:
    """Return templates `(video, size, size)`: the mean over time of pixels without another sprite."""
    free = (1 - _crop_over_time(beside, corners, size)).clamp(min=0.02) ** 3
    return (free * _crop_over_time(frames, corners, size)).sum(dim=1) / free.sum(dim=1)


def _crop_over_time(frames: Tensor, corners: Tensor, size: int) -> Tensor:
    """Return windows `(video, time, size, size)` of frames `(video, time, height, width)`."""
    return _crop(frames.flatten(0, 1), corners.flatten(0, 1), size).unflatten(0, corners.shape[:2])
