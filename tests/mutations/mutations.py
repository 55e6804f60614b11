"""Small faults in lines that matter, each of which some test must notice.

A line of code that no test would miss may be wrong for years. `mutate.py` puts these faults into a copy of the project
one by one, and runs the tests that should fail.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutation:
    """A fault.

    Attributes:
        file: The file, below the package.
        before: The code, which occurs once in it.
        after: The code that is wrong.
        tests: Tests that should fail, below `tests`, separated by spaces.
    """

    file: str
    before: str
    after: str
    tests: str


_FITTING = "anomaly/test_fitting.py anomaly/test_detector.py anomaly/test_window_training.py"
_ONLINE = "anomaly/online"

MUTATIONS = (
    # Batches and losses: padding, missing values.
    Mutation("batch.py", "time < self.lengths.unsqueeze(1)", "time <= self.lengths.unsqueeze(1)", "test_batch.py"),
    Mutation(
        "batch.py",
        "from_end = self.lengths.unsqueeze(1) - 1 - time",
        "from_end = self.values.shape[1] - 1 - time - 0 * self.lengths.unsqueeze(1)",
        "test_batch.py",
    ),
    Mutation(
        "batch.py", "torch.where(mask, self.values, torch.zeros_like(self.values))", "self.values", "test_batch.py"
    ),
    Mutation(
        "losses.py",
        "return error(steps.masked_fill(missing, 0.0)).masked_fill(missing, torch.nan)",
        "return error(steps.masked_fill(missing, 0.0))",
        "test_losses.py",
    ),
    Mutation("losses.py", "known.sum().clamp(min=1)", "known.numel()", "test_losses.py"),
    Mutation("losses.py", "* (-log_variance).exp()", "* log_variance.exp()", "test_losses.py"),
    # Modules.
    Mutation("modules/pooling.py", "batch.lengths - 1]", "-1]", "test_contract.py"),
    Mutation(
        "modules/pooling.py",
        "batch.mask_padding().values.sum(dim=1) / batch.lengths.unsqueeze(1)",
        "batch.values.sum(dim=1) / batch.lengths.unsqueeze(1)",
        "modules test_contract.py",
    ),
    Mutation(
        "modules/pooling.py", "lowest = torch.finfo(batch.values.dtype).min", "lowest = 0.0", "modules test_contract.py"
    ),
    Mutation(
        "modules/codes.py",
        "(mean.square() + log_variance.exp() - 1 - log_variance)",
        "(mean.square() + log_variance.exp() - 1)",
        "modules/test_codes.py",
    ),
    Mutation(
        "modules/codes.py",
        "if self.training:\n            mean = mean + torch",
        "if True:\n            mean = mean + torch",
        "modules/test_codes.py",
    ),
    Mutation("modules/codes.py", "kept = code.abs().topk", "kept = code.topk", "modules/test_codes.py"),
    Mutation("modules/codes.py", "return code + (bits - code).detach()", "return bits", "modules/test_codes.py"),
    # Data sets and samplers.
    Mutation(
        "datasets/sampler.py",
        "return [batches[index] for index in random.permutation(len(batches))]",
        "return batches",
        "datasets/test_sampler.py",
    ),
    Mutation(
        "datasets/sampler.py",
        "order = random.permutation(order)\n        if self.bucket",
        "if self.bucket",
        "datasets/test_sampler.py",
    ),
    Mutation(
        "datasets/sampler.py",
        "np.random.default_rng((self.seed, self.epoch))",
        "np.random.default_rng(self.seed)",
        "datasets/test_sampler.py",
    ),
    Mutation(
        "datasets/sampler.py",
        "return [batch[rank::world_size] for batch in batches]",
        "return [batch[: len(batch) // world_size] for batch in batches]",
        "datasets/test_sampler.py",
    ),
    Mutation(
        "transforms/corruptions.py",
        "positions.masked_fill(_is_last(batch) | ~batch.mask, torch.inf)",
        "positions.masked_fill(~batch.mask, torch.inf)",
        "transforms/test_corruptions.py",
    ),
    Mutation(
        "transforms/corruptions.py",
        "(seed * 1_000_003 + epoch) * 1_000_003 + batch_idx",
        "seed * 1_000_003 + batch_idx",
        "transforms training",
    ),
    Mutation(
        "transforms/scaler.py",
        "scaled = (rows - self.mean_) / self.scale_",
        "scaled = (rows - self.mean_) / (self.scale_ + 1e-3)",
        "transforms/test_scaler.py",
    ),
    Mutation(
        "transforms/scaler.py",
        "np.square(difference) * count * number / total",
        "0 * difference",
        "transforms/test_scaler.py",
    ),
    # Training.
    Mutation(
        "anomaly/window_training.py",
        "_WindowDataset(windows[:count]), _WindowDataset(windows[count:])",
        "_WindowDataset(windows), _WindowDataset(windows[count:])",
        _FITTING,
    ),
    Mutation("training/callbacks/best_weights.py", "if latest <= min(self.valid_losses):", "if True:", "training"),
    Mutation(
        "training/callbacks/best_weights.py",
        "self._valid_sum += float(mean) * count",
        "self._valid_sum += float(mean)",
        "training",
    ),
    Mutation(
        "training/callbacks/best_weights.py",
        "len(self.train_losses) - self.best_epoch >= self.patience",
        "len(self.train_losses) >= self.patience",
        "training",
    ),
    Mutation(
        "training/tasks/reconstruction.py",
        "output = self.model(inputs, targets=batch)",
        "output = self.model(batch, targets=batch)",
        "training",
    ),
    Mutation(
        "training/tasks/reconstruction.py",
        "losses = self.loss(output.prediction.steps, batch.steps)",
        "losses = self.loss(output.prediction.steps, inputs.steps)",
        "training",
    ),
    Mutation("training/tasks/reconstruction.py", "+ of_codes * output.penalty.mean()", "", "training"),
    Mutation(
        "training/annealing.py",
        "return min(1.0, done * self.cycles % 1 / self.rising)",
        "return min(1.0, done / self.rising)",
        "training/test_annealing.py",
    ),
    Mutation(
        "estimators/training.py",
        "return Split(np.sort(order[held_out:]), np.sort(order[:held_out]))",
        "return Split(np.sort(order), np.sort(order[:held_out]))",
        "estimators",
    ),
    Mutation(
        "evaluation/reconstruction_scores.py",
        "distance.square() * self.count * share",
        "0 * share",
        "evaluation training",
    ),
    # The detector: models that were not fitted to the rows that they judge.
    Mutation(
        "anomaly/normal_rows.py",
        "for piece in (part[: max(start - at, 0)], part[max(stop - at, 0) :])",
        "for piece in (part,)",
        _FITTING,
    ),
    Mutation(
        "anomaly/fitting.py",
        "for distances in self._held_out(others, [block], noise, window, resolutions)\n            ]\n        folds",
        "for distances in self._held_out(rows, [block], noise, window, resolutions)\n            ]\n        folds",
        _FITTING,
    ),
    Mutation(
        "anomaly/fitting.py", "halves = halves_by_machine(rows, normal.entities)", "halves = (rows, rows)", _FITTING
    ),
    Mutation(
        "anomaly/calibration.py",
        "rates.append(float(np.average(exceeded, weights=list(map(len, blocks)))))",
        "pass",
        "anomaly/test_calibration.py",
    ),
    Mutation("anomaly/calibration.py", "if later:\n", "if False:\n", "anomaly/test_calibration.py"),
    Mutation(
        "anomaly/calibration.py",
        "inflation=max(rates) / false_alarm_rate",
        "inflation=1.0",
        "anomaly/test_calibration.py",
    ),
    Mutation(
        "anomaly/calibration.py",
        "np.round(evidence * ROUNDING) / ROUNDING\n    tail",
        "evidence\n    tail",
        "anomaly/test_calibration.py",
    ),
    Mutation(
        "anomaly/evidence.py",
        "windows - reconstructions(self.model, windows)\n        return torch.stack([self.values.distances",
        "windows\n        return torch.stack([self.values.distances",
        "anomaly/test_evidence.py anomaly/test_relations.py",
    ),
    Mutation(
        "anomaly/evidence.py",
        "(soft - torch.from_numpy(self.least)[:, None]).clamp(min=0)",
        "soft",
        "anomaly/test_evidence.py",
    ),
    Mutation(
        "anomaly/evidence.py",
        "np.maximum(self.usual, other.usual)",
        "self.usual",
        "anomaly/test_evidence.py anomaly/test_detector.py cli/test_recalibrate.py",
    ),
    Mutation(
        "anomaly/localization.py",
        "largest_in_windows(fine_sum, length)).clamp(min=0)",
        "0 * largest_in_windows(fine_sum, length)).clamp(min=0)",
        "anomaly/test_localization.py",
    ),
    Mutation(
        "anomaly/localization.py",
        "self.lengths[0] - 1 + max((length - 1 for length in self.lengths[1:]), default=0)",
        "self.lengths[0] - 1",
        "anomaly/test_localization.py anomaly/online",
    ),
    Mutation(
        "anomaly/windows.py",
        "first, last = values[:1].expand(length - 1, -1), values[-1:].expand(length - 1, -1)",
        "first = last = 0 * values[:1].expand(length - 1, -1)",
        "anomaly/test_windows.py",
    ),
    Mutation(
        "anomaly/events.py",
        "apart = starts[1:] - stops[:-1] > merge_gap",
        "apart = starts[1:] - stops[:-1] >= merge_gap",
        "anomaly/test_events.py",
    ),
    Mutation(
        "anomaly/events.py", "alarms = scores > threshold", "alarms = scores >= threshold", "anomaly/test_events.py"
    ),
    Mutation(
        "anomaly/events.py", "if stop - start < min_rows:", "if stop - start <= min_rows:", "anomaly/test_events.py"
    ),
    Mutation(
        "anomaly/events.py",
        "channel_scores[start:stop][alarms[start:stop]]",
        "channel_scores[start:stop]",
        "anomaly/test_events.py",
    ),
    Mutation(
        "anomaly/thresholds.py",
        "rank = ceil((len(scores) + 1) * (1 - false_alarm_rate))",
        "rank = ceil(len(scores) * (1 - false_alarm_rate))",
        "anomaly/test_thresholds.py",
    ),
    Mutation(
        "anomaly/drift.py", "variance /= max(1 - (for_mean - 1) / (count - 1), 0.1)", "pass", "anomaly/test_drift.py"
    ),
    Mutation(
        "anomaly/drift.py",
        "rate = self.error_rate / (len(STATISTICS) * len(minimum_effect) + 1)",
        "rate = self.error_rate",
        "anomaly/test_drift.py",
    ),
    Mutation(
        "anomaly/scorer.py",
        "scores[few] = torch.minimum(scores[few], self.latest_calibration.scores(totals[few]))",
        "pass",
        "anomaly/test_scorer.py anomaly/test_detector.py anomaly/online",
    ),
    Mutation(
        "anomaly/scorer.py",
        "calibration=self.calibration.inflated(own.inflation),",
        "calibration=self.calibration,",
        "anomaly/test_fleet.py",
    ),
    Mutation(
        "anomaly/scorer.py",
        "np.where(unknown, np.nan, scores.numpy())",
        "scores.numpy()",
        "anomaly/test_scorer.py anomaly/test_detector.py test_bad_input.py",
    ),
    Mutation(
        "anomaly/online/alerts.py",
        "row > max(self.latest_row + self.gap_rows, self.latest_alert + self.quiet_rows)",
        "row > self.latest_row + self.gap_rows",
        "anomaly/online/test_alerts.py",
    ),
    # Artifacts.
    Mutation("artifact/folder.py", "if hashlib.sha256(data).hexdigest() == digest:", "if True:", "test_artifact.py"),
    Mutation(
        "artifact/checksum.py",
        "if data != body + _ENDING % hashlib.sha256(body).hexdigest().encode():",
        "if False:",
        "test_artifact.py",
    ),
    # Texts, search, generation.
    Mutation("text/vocabulary.py", "key=lambda word: (-counts[word], word)", "key=lambda word: -counts[word]", "text"),
    Mutation("text/vocabulary.py", "end = ids.index(END) if END in ids else len(ids)", "end = len(ids)", "text"),
    Mutation("seq2seq/decoding.py", "return ((5 + length) / 6) ** self.length_penalty", "return 1.0", "seq2seq"),
    Mutation("seq2seq/decoding.py", "masked_fill(before >= self.top_p, 0)", "masked_fill(before > 1, 0)", "seq2seq"),
    Mutation("retrieval.py", "own[~own.any(axis=1), -1] = True", "pass", "test_retrieval.py"),
    Mutation(
        "retrieval.py", "(np.cumsum(row) * row / ranks).sum()", "(np.cumsum(row) / ranks).sum()", "test_retrieval.py"
    ),
    Mutation(
        "evaluation/likelihood.py",
        "(noise.square() + log_variance - code.square())",
        "(log_variance - code.square())",
        "evaluation/test_likelihood.py",
    ),
)
