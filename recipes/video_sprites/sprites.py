"""Content and pose apart: bright things that move in front of black, each with one look and one path.

Flexible sprites of Jojic & Frey 2001, https://doi.org/10.1109/CVPR.2001.990476, here with the larger value where
sprites overlap. Looks and paths are found for each film by turns: paths given looks, looks given paths. Nothing is
learnt, so nothing has to be seen before; what will become of a path is learnt, see `paths`.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Sprites:
    """What was found in films.

    Attributes:
        looks: `(film, sprite, size, size)`.
        corners: `(film, sprite, time, 2)`, row and column of the upper left corner of a look, whole numbers.
        errors: `(film,)`, squared error of a frame, sum over pixels and mean over frames.
    """

    looks: Tensor
    corners: Tensor
    errors: Tensor

    @property
    def middles(self) -> Tensor:
        """`(film, sprite, 2)`, from the corner of a look to the centre of its mass."""
        place = torch.arange(self.looks.shape[-1], dtype=self.looks.dtype)
        mass = self.looks.sum(dim=(-1, -2)).clamp(min=1e-6)
        return torch.stack([self.looks.sum(dim=-1) @ place, self.looks.sum(dim=-2) @ place], dim=-1) / mass.unsqueeze(
            -1
        )

    @property
    def paths(self) -> Tensor:
        """`(film, sprite, time, 2)`, the centres of mass, wherever a look is in its square."""
        return self.corners + self.middles.unsqueeze(2)

    def draw(self, paths: Tensor, spread: Tensor, height: int, width: int) -> Tensor:
        """Return frames `(film, time, 1, height, width)`: what is expected if the places are not quite known.

        Args:
            paths: Expected centres of mass, `(film, sprite, time, 2)`, of any number of moments.
            spread: Standard deviations of the same shape, in pixels; 0 draws sprites as they are.
            height: Of a frame.
            width: Of a frame.
        """
        corners, size = paths - self.middles.unsqueeze(2), self.looks.shape[-1]
        down = _chances(corners[..., 0], spread[..., 0], height, size)
        across = _chances(corners[..., 1], spread[..., 1], width, size)
        drawn = down @ self.looks.unsqueeze(2) @ across.transpose(-1, -2)
        return drawn.amax(dim=1).unsqueeze(2)


@dataclass(frozen=True)
class SpriteFinder:
    """Finds sprites in films `(film, time, 1, height, width)` from 0 to 1, black behind.

    It begins with the frame in which the light is farthest apart, and parts it by k-means; it follows each part through
    the film at half the resolution, and then corrects looks and places by turns.

    Args:
        sprites: How many there are in a film.
        size: Height and width of a look, which must hold a sprite.
        tries: Frames to begin with, for films that are not explained.
        rounds: Of corrections.
        enough: A squared error of a frame, sum over pixels, below which a film is explained.
    """

    sprites: int = 2
    size: int = 28
    tries: int = 4
    rounds: int = 4
    enough: float = 2.0

    def __call__(self, films: Tensor, together: int = 64) -> Sprites:
        """Return the sprites of each film; as many films as asked are worked on together."""
        if films.ndim != 5 or films.shape[2] != 1:
            raise ValueError(f"films of shape {tuple(films.shape)}. Expected (film, time, 1, height, width)")
        found = [self._best(part) for part in films[:, :, 0].split(together)]
        return Sprites(*(torch.cat(parts) for parts in zip(*found)))

    def _best(self, frames: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        looks, corners, errors = self._try(frames, 0)
        for number in range(1, min(self.tries, frames.shape[1])):
            bad = errors > self.enough
            if not bad.any():
                break
            again = self._try(frames[bad], number)
            better = again[2] < errors[bad]
            chosen = bad.nonzero()[better, 0]
            for kept, new in zip((looks, corners, errors), again):
                kept[chosen] = new[better]
        return looks, corners, errors

    def _try(self, frames: Tensor, number: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return looks, corners and errors, beginning with the frame that is so many places from the widest."""
        half = F.avg_pool2d(frames, 2)
        margin, small = self.size // 2, self.size // 2
        corners = 2 * (
            self._followed(F.pad(half, [small] * 4), small, _wideness(half).argsort(1)[:, -1 - number]) - small
        )
        padded = F.pad(frames, [margin] * 4)
        corners = _inside(corners + margin, padded, self.size)
        looks = torch.stack([_faintest(padded, corners[:, each], self.size) for each in range(self.sprites)], dim=1)
        for turn in range(self.rounds):
            reach = 2 if turn < 2 else 1
            for each in range(self.sprites):
                beside = _drawn(_others(looks, each), _others(corners, each), padded.shape[-2:])
                corners[:, each] = _moved(padded, beside, looks[:, each], corners[:, each], reach)
                look = _faintest if turn == 0 else _seen
                looks[:, each] = look(padded, corners[:, each], self.size, beside)
        errors = (_drawn(looks, corners, padded.shape[-2:]) - padded).square().sum(dim=(-1, -2)).mean(dim=1)
        return looks, corners - margin, errors

    def _followed(self, frames: Tensor, size: int, first: Tensor) -> Tensor:
        """Return the corners `(film, sprite, time, 2)` of parts of the first frame, followed both ways."""
        films, time = torch.arange(len(frames)), frames.shape[1]
        begin = frames[films, first]
        centres, parts = _parted(begin, self.sprites)
        start = _inside((centres - size / 2 + 0.5).round().long(), frames, size)
        looks = torch.stack(
            [_windows(begin * parts[:, each], start[:, each], size) for each in range(self.sprites)], dim=1
        )
        corners = start.unsqueeze(2).repeat(1, 1, time, 1)
        for way in (1, -1):
            place, step = start.clone(), torch.zeros_like(start)
            for moment in range(1, time):
                at = first + way * moment
                inside = ((at >= 0) & (at < time)).nonzero()[:, 0]
                if not len(inside):
                    break
                frame, at = frames[inside, at[inside]].unsqueeze(1), at[inside]
                ahead = _inside((place + step)[inside], frames, size)
                now = self._caught(frame, looks[inside], ahead)
                step[inside], place[inside] = now - place[inside], now
                corners[inside, :, at] = now
        return corners

    def _caught(self, frame: Tensor, looks: Tensor, ahead: Tensor) -> Tensor:
        """Return the corners `(film, sprite, 2)` in one frame near where they are expected."""
        now = ahead.clone()
        for _ in range(2):
            for each in range(self.sprites):
                beside = _drawn(_others(looks, each), _others(now, each).unsqueeze(2), frame.shape[-2:])
                found = _moved(frame, beside, looks[:, each], ahead[:, each].unsqueeze(1), 3, pull=0.02)
                now[:, each] = found[:, 0]
        return now


def _chances(corners: Tensor, spread: Tensor, pixels: int, size: int) -> Tensor:
    """Return the chance that a row of a look is in a row of the frame, `(..., pixels, size)`."""
    shift = torch.arange(pixels).unsqueeze(1) - torch.arange(size)
    away = shift - corners[..., None, None]
    normal = torch.distributions.Normal(0.0, spread[..., None, None].clamp(min=1e-3))
    return normal.cdf(away + 0.5) - normal.cdf(away - 0.5)


def _wideness(frames: Tensor) -> Tensor:
    """Return how far the light of frames `(film, time, height, width)` is from its centre, mean square."""
    light = frames.sum(dim=(-1, -2)).clamp(min=1e-6)
    total = 0
    for dim in (-1, -2):
        line = frames.sum(dim=dim)
        place = torch.arange(line.shape[-1], dtype=line.dtype)
        mean = (line @ place / light).unsqueeze(-1)
        total = total + (line * (place - mean).square()).sum(dim=-1) / light
    return total


def _parted(frames: Tensor, parts: int, turns: int = 8) -> tuple[Tensor, Tensor]:
    """Return centres `(film, part, 2)` and parts `(film, part, height, width)` of frames `(film, height, width)`.

    k-means of the light (Lloyd 1982, https://doi.org/10.1109/TIT.1982.1056489), from places that are far apart.
    """
    height, width = frames.shape[-2:]
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    places = torch.stack([rows, columns], dim=-1).flatten(0, 1).to(frames.dtype)
    light = frames.flatten(start_dim=1)
    mean = light @ places / light.sum(dim=1, keepdim=True).clamp(min=1e-6)
    bright = light > 0.3 * light.amax(dim=1, keepdim=True)
    nearest, centres = (places - mean.unsqueeze(1)).square().sum(dim=-1), []
    for number in range(parts):
        centres.append(places[(nearest * bright).argmax(dim=1)])
        away = (places - centres[-1].unsqueeze(1)).square().sum(dim=-1)
        nearest = away if number == 0 else torch.minimum(nearest, away)
    middles = torch.stack(centres, dim=1)
    for _ in range(turns):
        own = _nearest(places, middles)
        weight = own * light.unsqueeze(-1)
        middles = torch.einsum("npk,pd->nkd", weight, places) / weight.sum(dim=1).clamp(min=1e-6).unsqueeze(-1)
    return middles, _nearest(places, middles).transpose(1, 2).unflatten(2, (height, width))


def _nearest(places: Tensor, middles: Tensor) -> Tensor:
    """Return 1 for the nearest of the middles `(film, part, 2)` and 0 for the others, `(film, place, part)`."""
    away = (places[None, :, None] - middles.unsqueeze(1)).square().sum(dim=-1)
    return F.one_hot(away.argmin(dim=-1), middles.shape[1]).to(places.dtype)


def _others(values: Tensor, each: int) -> Tensor:
    return torch.cat([values[:, :each], values[:, each + 1 :]], dim=1)


def _inside(corners: Tensor, frames: Tensor, size: int) -> Tensor:
    """Return the nearest corners at which windows lie within the frames."""
    return corners.clamp(min=0).minimum(torch.tensor(frames.shape[-2:]) - size)


def _places(corners: Tensor, size: int, width: int) -> Tensor:
    """Return the numbers of the pixels of windows at corners `(window, 2)`, `(window, size * size)`."""
    steps = torch.arange(size)
    rows, columns = corners[:, :1] + steps, corners[:, 1:] + steps
    return (rows.unsqueeze(2) * width + columns.unsqueeze(1)).flatten(start_dim=1)


def _windows(frames: Tensor, corners: Tensor, size: int) -> Tensor:
    """Return one window `(window, size, size)` of each frame `(window, height, width)`."""
    pixels = _places(corners, size, frames.shape[-1])
    return frames.flatten(start_dim=1).gather(1, pixels).unflatten(1, (size, size))


def _drawn(looks: Tensor, corners: Tensor, shape: torch.Size) -> Tensor:
    """Return frames `(film, time, height, width)`, given looks and their corners `(film, sprite, time, 2)`."""
    films, sprites, time = corners.shape[:3]
    frames = looks.new_zeros(films * time, shape[0] * shape[1])
    for each in range(sprites):
        pixels = _places(corners[:, each].flatten(0, 1), looks.shape[-1], shape[1])
        look = looks[:, each].flatten(start_dim=1).repeat_interleave(time, dim=0)
        frames = frames.scatter(1, pixels, torch.maximum(frames.gather(1, pixels), look))
    return frames.unflatten(1, shape).unflatten(0, (films, time))


def _moved(frames: Tensor, beside: Tensor, look: Tensor, corners: Tensor, reach: int, pull: float = 0.0) -> Tensor:
    """Return the best corners `(film, time, 2)` within reach: those with the least squared error of the frame.

    Args:
        frames: `(film, time, height, width)`.
        beside: What other sprites draw, of the same shape.
        look: `(film, size, size)`.
        corners: Where to look, `(film, time, 2)`.
        reach: In pixels.
        pull: Price of a squared pixel between a corner and where it was looked for.
    """
    films, time = corners.shape[:2]
    size, wide = look.shape[-1], 2 * reach + 1
    centre = corners.flatten(0, 1)
    base = _inside(centre - reach, frames, size + 2 * reach)
    here, there = (
        _windows(each.flatten(0, 1), base, size + 2 * reach).unfold(1, size, 1).unfold(2, size, 1)
        for each in (frames, beside)
    )
    drawn = look.repeat_interleave(time, dim=0)[:, None, None]
    price = ((here - torch.maximum(drawn, there)).square() - (here - there).square()).sum(dim=(-1, -2))
    if pull:
        away = (base.unsqueeze(1) + torch.arange(wide).unsqueeze(1) - centre.unsqueeze(1)).square().to(price.dtype)
        price = price + pull * (away[:, :, :1] + away[:, :, 1:].transpose(1, 2))
    best = price.flatten(start_dim=1).argmin(dim=1)
    return (base + torch.stack([best // wide, best % wide], dim=1)).unflatten(0, (films, time))


def _faintest(frames: Tensor, corners: Tensor, size: int, beside: Tensor | None = None) -> Tensor:
    """Return looks `(film, size, size)`: nearly the least ever seen, since another sprite can only add light."""
    return _over_time(frames, corners, size).quantile(0.3, dim=1)


def _seen(frames: Tensor, corners: Tensor, size: int, beside: Tensor) -> Tensor:
    """Return looks `(film, size, size)`: the mean of what is seen where no other sprite is."""
    free = (1 - _over_time(beside, corners, size)).clamp(min=0.02) ** 3
    return (free * _over_time(frames, corners, size)).sum(dim=1) / free.sum(dim=1)


def _over_time(frames: Tensor, corners: Tensor, size: int) -> Tensor:
    """Return windows `(film, time, size, size)` of frames `(film, time, height, width)`."""
    return _windows(frames.flatten(0, 1), corners.flatten(0, 1), size).unflatten(0, corners.shape[:2])
