"""Fits what each machine of a fleet has of its own: level, scale, how often it raises alarms, and its drift chart."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from seqae._processes import one_thread
from seqae.anomaly.calibration import Calibration
from seqae.anomaly.drift import MIN_BLOCK_ROWS, REFERENCE_BLOCKS, DriftChart
from seqae.anomaly.evidence import KINDS
from seqae.anomaly.fleet import Machine, grouped
from seqae.anomaly.normal_rows import cut_in_half, hold_last, minimum_effect
from seqae.anomaly.scorer import Scorer
from seqae.anomaly.window_training import sample_windows
from seqae.data.signals.recordings import Recording
from seqae.transforms.scaler import Scaler

MAX_ITERATIONS = 40  # of a fit by maximum likelihood
MIN_WINDOWS = 3  # without overlap in the rows of a machine
MIN_VARIANCE = 1e-4  # of the logarithm of the scales in a fleet


def fit_scalers(parts: Sequence[np.ndarray], entities: Sequence[str], window: int) -> dict[str, Scaler]:
    """Return the scaler of each machine, fitted to its normal rows, those of machines with few rows drawn to the fleet.

    Args:
        parts: Normal rows, `(row, channel)` each.
        entities: The machine of each part.
        window: The number of rows in the longest window.
    """
    groups = grouped(parts, entities)
    own = {entity: Scaler().fit(group) for entity, group in groups.items()}
    return {
        entity: shrunk_scaler(scaler, sum(map(len, groups[entity])) / window, list(own.values()))
        for entity, scaler in own.items()
    }


def between_machines(fleet: Sequence[Scaler]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return mean and variance of the logarithm of the scale, and how many machines a channel varies in.

    Each is `(channel,)`. Machines in which a channel is constant do not count.
    """
    varies = np.stack([~each.is_constant_ for each in fleet])  # (machine, channel)
    logs, count = np.where(varies, np.log([each.scale_ for each in fleet]), 0.0), varies.sum(axis=0)
    center = logs.sum(axis=0) / np.maximum(count, 1)
    squares = np.where(varies, np.square(logs - center), 0).sum(axis=0)
    return center, squares / np.maximum(count - 1, 1), count


def shrunk_scaler(own: Scaler, windows: float, fleet: Sequence[Scaler]) -> Scaler:
    """Return a scaler whose scale is drawn to that of a fleet, as far as the machines differ less than it is uncertain.

    The logarithms of the scales are taken as normal, of the machines and of what few rows show (random effects). A
    channel that is constant here alone has the scale of the fleet.

    Args:
        own: The scaler that was fitted to the machine's rows.
        windows: The number of windows without overlap in these rows.
        fleet: The scalers of the machines of the fleet, with or without this one.
    """
    center, between, count = between_machines(fleet)
    weight = np.where(count > 1, between / (between + 1 / (2 * windows)), 1.0)
    weight = np.where(own.is_constant_, 0.0, weight)
    shrunk = copy.copy(own)
    shrunk.scale_ = np.where(count > 0, np.exp(weight * np.log(own.scale_) + (1 - weight) * center), own.scale_)
    shrunk.is_constant_ = own.is_constant_ & (count == 0)
    return shrunk


def aligned_scaler(
    scorer: Scorer,
    parts: Sequence[np.ndarray],
    expected: Sequence[np.ndarray],
    start: Scaler,
    prior: tuple[np.ndarray, np.ndarray] | None,
) -> Scaler:
    """Return the scaler by which rows of a machine are most likely for the models of a fleet.

    Mean and deviation of few rows are those of a part of a cycle; the models know which level and scale the part
    belongs to. The likelihood is that of the surprise in windows, each channel by itself and given the others (Besag's
    pseudo-likelihood), as if windows that overlap were one.

    Args:
        scorer: The scorer of the fleet.
        parts: Normal rows, `(row, channel)` each.
        expected: What the rhythm of the fleet expects of them, in scaled rows, `(row, channel)` each.
        start: A scaler near it.
        prior: Mean and variance of the logarithm of the scale, `(channel,)` each; None to keep the scale.
    """
    rows = [torch.from_numpy(hold_last(start.transform(part))) for part in parts]
    fitting = [each for each in scorer.resolutions if max(map(len, rows)) >= each.length]
    windows, rhythm = (
        [sample_windows(some, each.window, each.rows_per_step) for each in fitting]
        for some in (rows, [torch.from_numpy(each) for each in expected])
    )
    weights = [sum(map(len, rows)) / each.length / (KINDS * len(fitting)) for each in fitting]
    shift, log_scale = (torch.zeros(rows[0].shape[1], dtype=torch.float64, requires_grad=True) for _ in range(2))

    def loss() -> Tensor:
        total = shift.sum() * 0
        for own, each, usual, weight in zip(fitting, windows, rhythm, weights):
            assert own.surprise is not None
            distances = own.distances_of((each - shift) / log_scale.exp() - usual)
            surprise = own.surprise.surprise(distances).mean(dim=1).sum()
            volume = (KINDS * torch.from_numpy(own.surprise.dimensions) * log_scale).sum()
            total = total + weight * (surprise + volume)
        if prior is not None:
            center, variance = map(torch.from_numpy, prior)
            deviations = log_scale + torch.from_numpy(np.log(start.scale_)) - center
            total = total + (deviations.square() / (2 * variance)).sum()
        return total

    _minimize(loss, [shift] if prior is None else [shift, log_scale])
    aligned = start.with_mean(start.mean_ + shift.detach().numpy() * start.scale_)
    aligned.scale_ = start.scale_ * log_scale.detach().exp().numpy()
    return aligned


def _minimize(loss: Callable[[], Tensor], parameters: list[Tensor]) -> None:
    """Change parameters to where a loss is least; the gradients of what else it depends on are left alone."""
    optimizer = torch.optim.LBFGS(parameters, max_iter=MAX_ITERATIONS, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        value = loss()
        for parameter, gradient in zip(parameters, torch.autograd.grad(value, parameters)):
            parameter.grad = gradient
        return value

    with one_thread():
        optimizer.step(closure)


def typical_scaler(scalers: Sequence[Scaler]) -> Scaler:
    """Return the scaler of a typical machine of a fleet; that of one alone is its own."""
    if len(scalers) == 1:
        return scalers[0]
    typical = copy.copy(scalers[0])
    typical.mean_ = np.mean([each.mean_ for each in scalers], axis=0)
    typical.scale_ = np.exp(np.mean(np.log([each.scale_ for each in scalers]), axis=0))
    typical.is_constant_ = np.all([each.is_constant_ for each in scalers], axis=0)
    return typical


def fleet_blocks(
    parts: Sequence[Tensor], n_folds: int, shortest: int, window: int
) -> Iterator[tuple[list[tuple[int, Tensor]], list[Tensor]]]:
    """Yield for each fold a block of every part, so that all machines are measured, with the remaining rows.

    Args:
        parts: Rows, `(row, channel)` each.
        n_folds: The number of folds.
        shortest: The number of rows in a block, at least; a part with fewer is one block.
        window: Shorter pieces are left out.

    Yields:
        Blocks `(row, channel)` with the number of their part, and the remaining pieces.
    """
    for fold in range(n_folds):
        held_out, others = [], []
        for number, part in enumerate(parts):
            edges = np.linspace(0, len(part), min(n_folds, max(len(part) // shortest, 1)) + 1).astype(int)
            place = (fold + number) % n_folds
            start, stop = edges[place : place + 2].tolist() if place + 1 < len(edges) else (0, 0)
            if stop - start >= window:
                held_out.append((number, part[start:stop]))
            others += [piece for piece in (part[:start], part[stop:]) if len(piece) >= window]
        if held_out and max(map(len, others), default=0) >= 2 * window:
            yield held_out, others


def halves_by_machine(parts: Sequence[Tensor], entities: Sequence[str]) -> tuple[list[Tensor], list[Tensor]]:
    """Return the first halves of the rows of all machines and the second ones, as parts `(row, channel)`."""
    halves = [cut_in_half(group) for group in grouped(parts, entities).values()]
    return [part for first, _ in halves for part in first], [part for _, second in halves for part in second]


def machine_inflations(
    calibration: Calibration,
    scores: Mapping[str, np.ndarray],
    false_alarm_rate: float,
    known: Sequence[float] = (),
) -> dict[str, float]:
    """Return how many times more often than the fleet machines exceed the score that is to be as rare as a rate.

    It is the machine's own quantile, drawn to that of the fleet: its logarithm is taken as normal with the variance
    that it has among the machines, and with an error that follows from the number of separate runs of rows above it.

    Args:
        calibration: Of the fleet.
        scores: The scores of each machine's normal rows by models that were not fitted to them, `(row,)` each.
        false_alarm_rate: The fraction of normal rows that may raise an alarm.
        known: The inflations of other machines of the fleet.
    """
    usual = calibration.threshold(false_alarm_rate) - np.log10(calibration.inflation)
    runs_per_row = calibration.clusters_per_row * false_alarm_rate * 10 ** float(calibration.rarity[-1])
    shifts = np.array([np.quantile(each, 1 - false_alarm_rate, method="higher") - usual for each in scores.values()])
    errors = np.array([1 / (len(each) * runs_per_row) for each in scores.values()]) / np.log(10) ** 2
    if known:
        between = float(np.mean(np.square(np.log10(known))))
    else:
        between = max(float(np.average(np.square(shifts) - errors, weights=1 / errors)), 0.0)
    weights = between / (between + errors)
    # The mean of a log-normal distribution: so that the rate is as asked on average over what is not known.
    expected = weights * shifts + np.log(10) / 2 * weights * errors
    return {entity: float(10**shift) for entity, shift in zip(scores, expected)}


def machine_chart(
    parts: Sequence[np.ndarray], alarms: Sequence[np.ndarray], minimum_effect: np.ndarray, fleet: DriftChart
) -> DriftChart:
    """Return the drift chart of a machine; of few rows that of the fleet, wider as the level is less certain.

    Args:
        parts: Its scaled rows, `(row, channel)` each.
        alarms: Whether rows raise alarms, `(row,)` bool each.
        minimum_effect: The smallest deviation of each channel that can be abnormal, `(channel,)`.
        fleet: The chart of the fleet.
    """
    rows = sum(map(len, parts))
    if rows >= REFERENCE_BLOCKS * MIN_BLOCK_ROWS:
        return DriftChart(fleet.error_rate).fit(parts, alarms, minimum_effect)
    wider = copy.copy(fleet)
    wider.half_width_ = fleet.half_width_ * np.sqrt(1 + fleet.block_rows_ / rows)
    return wider


def fit_machines(
    scorer: Scorer,
    scores: Mapping[str, list[np.ndarray]],
    scaled: Mapping[str, list[np.ndarray]],
    scalers: Mapping[str, Scaler],
    effects: Mapping[str, np.ndarray],
    false_alarm_rate: float,
) -> dict[str, Machine]:
    """Return what each machine of a fleet has of its own.

    Args:
        scorer: The scorer of the fleet.
        scores: The scores of its blocks of normal rows by models that were not fitted to them, `(row,)` each.
        scaled: Its scaled normal rows, `(row, channel)` each.
        scalers: Its scaler.
        effects: The smallest deviation of each channel that can be abnormal, `(channel,)`.
        false_alarm_rate: The fraction of normal rows that may raise an alarm.
    """
    joined = {entity: np.concatenate(own) for entity, own in scores.items()}
    inflations = machine_inflations(scorer.calibration, joined, false_alarm_rate)
    machines = {}
    for entity, scaler in scalers.items():
        inflation = inflations.get(entity, 1.0)
        alarms = [own - np.log10(inflation) > scorer.threshold for own in scores.get(entity, [])]
        chart = machine_chart(scaled[entity], alarms, effects[entity], scorer.drift_chart)
        machines[entity] = Machine(scaler, inflation, chart)
    return machines


def calibrated_machine(
    scorer: Scorer,
    parts: list[np.ndarray],
    times: Sequence[np.ndarray | None],
    recordings: Sequence[Recording],
    false_alarm_rate: float,
) -> Machine:
    """Return what a machine has of its own by its normal rows: a new one, or one that the fleet knows with a new level.

    Args:
        scorer: The scorer of the fleet.
        parts: The rows without gaps in time, `(row, channel)` each.
        times: Their times, `(row,)` each.
        recordings: The recordings of these rows.
        false_alarm_rate: The fraction of normal rows that may raise an alarm.
    """
    _warn_of_few(recordings[0].entity, sum(map(len, parts)), max(scorer.localization.lengths))
    known = scorer.machines.get(recordings[0].entity)
    expected = [
        np.zeros(part.shape) if scorer.rhythm is None else scorer.rhythm.of(own) for part, own in zip(parts, times)
    ]
    own = _without_rhythm(Scaler().fit(parts), expected)
    if known:
        scaler = aligned_scaler(scorer, parts, expected, known.scaler.with_mean(own.mean_), prior=None)
    else:
        scaler = _new_scaler(scorer, parts, expected, own)
    machine = replace(scorer, scaler=scaler, machines={})
    scores = [machine.score(each).scores for each in recordings]
    others = [each.inflation for each in scorer.machines.values()]
    joined = {"": np.concatenate(scores)}
    inflation = machine_inflations(scorer.calibration, joined, false_alarm_rate, others)[""]
    alarms = [each - np.log10(inflation) > scorer.threshold for each in scores]
    parts = [part - usual * scaler.scale_ for part, usual in zip(parts, expected)]
    scaled = [scaler.transform(part) for part in parts]
    return Machine(scaler, inflation, machine_chart(scaled, alarms, minimum_effect(parts, scaler), scorer.drift_chart))


def _warn_of_few(entity: str, rows: int, longest: int) -> None:
    if rows < MIN_WINDOWS * longest:
        warnings.warn(
            f"machine {entity!r} is calibrated from {rows} rows; windows have up to {longest}, so what is usual for it "
            f"is uncertain if its readings change slowly. Give {MIN_WINDOWS * longest} rows or more, at best a whole "
            "cycle of work",
            stacklevel=5,
        )


def _without_rhythm(own: Scaler, expected: Sequence[np.ndarray]) -> Scaler:
    """Return level and scale of what is left without a rhythm; it is expected in units of this scale, `(row, channel)`.

    The scaled rest has a variance of 1, which adds to that of the rhythm at these times.
    """
    usual = np.concatenate(expected)
    without = copy.copy(own)
    without.scale_ = own.scale_ / np.sqrt(1 + usual.var(axis=0))
    without.mean_ = own.mean_ - without.scale_ * usual.mean(axis=0)
    return without


def _new_scaler(scorer: Scorer, parts: Sequence[np.ndarray], expected: Sequence[np.ndarray], own: Scaler) -> Scaler:
    """Return the scaler of a new machine, its scale drawn to the fleet's; its own one is where to start."""
    fleet = [each.scaler for each in scorer.machines.values()]
    windows = sum(map(len, parts)) / max(scorer.localization.lengths)
    start = shrunk_scaler(own, windows, fleet)
    center, between, count = between_machines(fleet)
    center = np.where(count > 0, center, np.log(start.scale_))
    variance = np.where(count > 1, between, np.where(count > 0, 1.0, 0.0))
    return aligned_scaler(scorer, parts, expected, start, (center, np.maximum(variance, MIN_VARIANCE)))
