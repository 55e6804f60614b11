"""Faults of the detector and its streams."""

from __future__ import annotations

from mutations.mutation import Mutation

_FITTING = "anomaly/test_fitting.py anomaly/test_detector.py anomaly/test_window_training.py"

MUTATIONS = (
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
        "anomaly/fitting.py",
        "halves = halves_by_machine(rows, normal.entities)",
        "halves = (rows, rows)",
        "anomaly/test_fitting.py::test_no_row_is_judged_by_models_that_were_fitted_to_it",
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
        "windows - reconstructions(self.model, windows)\n        distances = torch.stack([self.values.distances",
        "windows\n        distances = torch.stack([self.values.distances",
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
        "self.lengths[0] - 1 + self.rows_before",
        "self.lengths[0] - 1",
        "anomaly/test_localization.py anomaly/online",
    ),
    Mutation(
        "anomaly/localization.py",
        "parts = parts - (1 - LASTING_WEIGHT) * least_lately(parts, rows_before)",
        "parts = parts + 0 * least_lately(parts, rows_before)",
        "anomaly/test_localization.py",
    ),
    Mutation(
        "anomaly/evidence.py",
        " & (each <= most_degrees)",
        "",
        "anomaly/test_evidence.py",
    ),
    Mutation(
        "anomaly/windows.py",
        "first, last = values[:1].T.expand(-1, length - 1), values[-1:].T.expand(-1, length - 1)",
        "first = last = 0 * values[:1].T.expand(-1, length - 1)",
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
        "anomaly/drift.py",
        "min(for_mean / count, 1)",
        "min(1 / count, 1)",
        "anomaly/test_drift.py::test_an_interval_is_left_as_rarely_as_stated_though_neighbouring_blocks_are_alike",
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
    Mutation("anomaly/noise.py", "means.argmin(axis=0)", "means.argmax(axis=0)", "anomaly/test_noise.py"),
    Mutation("anomaly/noise.py", "np.maximum(likeliest, steps)", "likeliest", "anomaly/test_noise.py"),
    Mutation("anomaly/noise.py", "is_curved = has_choice & (gain", "is_curved = (gain", "anomaly/test_noise.py"),
    Mutation("anomaly/noise.py", "gain.std(axis=0, ddof=1) / np.sqrt(len(gain))", "0", "anomaly/test_noise.py"),
    Mutation("anomaly/linear_windows.py", ".clamp(max=LARGEST_SQUARE)", "", "anomaly/test_linear_windows.py"),
    Mutation(
        "anomaly/linear_windows.py", "weights[own, own] = 0", "weights[own, :1] = 0", "anomaly/test_linear_windows.py"
    ),
    Mutation(
        "anomaly/window_kernel.py",
        "torch.cat([steps, squares(steps)]) if self.has_squares",
        "torch.cat([steps, steps.square()]) if self.has_squares",
        "anomaly/test_window_kernel.py",
    ),
    Mutation(
        "anomaly/onnx_graph.py",
        'squared = graph.node("Min", graph.node("Mul", steps, steps), np.array(LARGEST_SQUARE))',
        'squared = graph.node("Mul", steps, steps)',
        "export/test_onnx_detector.py",
    ),
    Mutation(
        "anomaly/noise.py", "(degrees + size) / 2 * torch.log1p", "size / 2 * torch.log1p", "anomaly/test_noise.py"
    ),
    Mutation(
        "anomaly/scores.py",
        "found.scores[unknown] = np.nan",
        "pass",
        "anomaly/test_scorer.py anomaly/test_detector.py test_bad_input.py",
    ),
    Mutation(
        "anomaly/online/alerts.py",
        "row > max(self.latest_row + self.gap_rows, self.latest_alert + self.quiet_rows)",
        "row > self.latest_row + self.gap_rows",
        "anomaly/online/test_alerts.py",
    ),
    # What operators said.
    Mutation(
        "anomaly/accepted.py",
        "(products / totals).clamp(0, MAX_SIZE)",
        "(products / totals).clamp(max=MAX_SIZE)",
        "anomaly/feedback/test_log.py",
    ),
    Mutation(
        "anomaly/accepted.py",
        "remaining / (1 + multiple.square() * (sizes[nearest] > 0))",
        "remaining",
        "anomaly/feedback/test_log.py",
    ),
    Mutation(
        "anomaly/accepted.py",
        "pattern = torch.where(is_unusual[..., None], deviations[:, :, farthest], 0.0)",
        "pattern = deviations[:, :, farthest]",
        "anomaly/test_accepted.py",
    ),
    Mutation(
        "anomaly/feedback/applying.py",
        "[max(start - own.length + 1, 0) : stop]",
        "[start:stop]",
        "anomaly/feedback/test_log.py",
    ),
    Mutation("anomaly/feedback/applying.py", "peak = entry.start + (", "peak = (", "anomaly/feedback/test_log.py"),
    Mutation(
        "anomaly/feedback/entry.py",
        "return [entry for entry in entries if not entry.undone_by]",
        "return list(entries)",
        "anomaly/feedback/test_log.py",
    ),
    Mutation(
        "anomaly/feedback/entry.py",
        "begin, last = max(first - margin, 0), min(stop + margin, len(entry.recording))",
        "begin, last = first, stop",
        "anomaly/feedback/test_log.py",
    ),
    Mutation(
        "anomaly/feedback/log.py",
        'if hashlib.sha256(data).hexdigest() != record["sha256"]:',
        "if False:",
        "anomaly/feedback/test_log.py",
    ),
    # What is no number, normal rows that are none.
    Mutation("anomaly/soundness.py", "if not np.isfinite(array).all():", "if False:", "anomaly/test_soundness.py"),
    Mutation(
        "anomaly/soundness.py", "not (array > above).all()", "not (array > above).any()", "anomaly/test_soundness.py"
    ),
    Mutation("anomaly/soundness.py", " or not found.isfinite().all()", "", "anomaly/test_soundness.py"),
    Mutation(
        "anomaly/outliers.py",
        "stop - start > MAX_LENGTH or",
        "stop - start >= MAX_LENGTH or",
        "anomaly/test_honest_rows.py",
    ),
    Mutation(
        "anomaly/outliers.py",
        "return isolated if _is_irregular(isolated) else none",
        "return isolated",
        "anomaly/test_honest_rows.py",
    ),
    Mutation("anomaly/calibration.py", 'grid, side="left")', 'grid, side="right")', "anomaly/test_calibration.py"),
    Mutation(
        "anomaly/drift.py",
        "max((count - 1) / for_variance, 1.0)",
        "max(count - 1.0, 1.0)",
        "anomaly/test_drift.py::test_an_interval_is_left_as_rarely_as_stated_though_neighbouring_blocks_are_alike",
    ),
    Mutation(
        "anomaly/online/drift.py",
        "lasts = (sides != 0) & (sides == self.sides)",
        "lasts = sides != 0",
        "anomaly/test_drift.py anomaly/online/test_drift.py",
    ),
    Mutation(
        "anomaly/rhythm.py",
        "np.nanmedian(cycles[folds != fold], axis=0)",
        "np.nanmedian(cycles, axis=0)",
        "anomaly/test_rhythm.py",
    ),
    Mutation(
        "anomaly/window_training.py",
        "TRAIN_BATCH, random_state)",
        "TRAIN_BATCH)",
        "anomaly/test_window_training.py",
    ),
    # Streams.
    Mutation(
        "anomaly/online/segment.py",
        "max(stop - self.reach, self.start))\n        self.final = stop",
        "max(stop - self.reach + 1, self.start))\n        self.final = stop",
        "anomaly/online/test_detector.py",
    ),
    Mutation(
        "anomaly/online/events.py",
        '"times", "totals", "peak_rows")',
        '"times", "peak_rows")',
        "anomaly/online/test_detector.py",
    ),
    Mutation(
        "anomaly/online/alerts.py",
        'STATE = ("latest_row", "latest_alert")',
        'STATE = ("latest_row",)',
        "anomaly/online/test_alerts.py",
    ),
    Mutation(
        "anomaly/online/intake.py",
        '"previous_time", "period", "is_coarse")',
        '"previous_time", "period")',
        "anomaly/online/test_detector.py anomaly/online/test_intake.py",
    ),
    Mutation(
        "anomaly/online/drift.py", '"alarm_run", "alarm_run_time")', '"alarm_run_time")', "anomaly/online/test_drift.py"
    ),
    Mutation("anomaly/online/resampling.py", '"own", "lags", "latest")', '"own", "lags")', "anomaly/test_irregular.py"),
    # What is quieter than usual, and deviations that were accepted.
    Mutation(
        "anomaly/evidence.py",
        "np.minimum(self.quiet, other.quiet)",
        "self.quiet",
        "anomaly/test_evidence.py",
    ),
    Mutation(
        "anomaly/evidence.py",
        "np.minimum(self.quiet_power, other.quiet_power)",
        "self.quiet_power",
        "anomaly/test_evidence.py",
    ),
    Mutation(
        "anomaly/evidence.py",
        "np.minimum(power, dimensions / 2), 0.0)",
        "power, 0.0)",
        "anomaly/test_evidence.py",
    ),
    Mutation(
        "anomaly/evidence.py",
        "np.where(quiet > NO_DISTANCE, ",
        "np.where(quiet > 0, ",
        "anomaly/test_evidence.py",
    ),
    Mutation(
        "anomaly/evidence.py",
        ".clamp(LEAST_QUIET, 1).log()",
        ".clamp(min=LEAST_QUIET).log()",
        "anomaly/test_evidence.py",
    ),
    Mutation(
        "anomaly/evidence.py",
        "near if is_filled is None else near.maximum(self._quiet[:, None] * is_filled[is_far])",
        "near",
        "anomaly/test_evidence.py anomaly/test_accepted.py anomaly/feedback/test_log.py",
    ),
    Mutation(
        "anomaly/accepted.py",
        "self.own, self.remaining.maximum(quiet))",
        "self.own, self.remaining)",
        "anomaly/test_accepted.py anomaly/feedback/test_log.py",
    ),
    Mutation(
        "anomaly/accepted.py",
        "self.own.maximum(self.remaining) <",
        "self.own <",
        "anomaly/test_accepted.py anomaly/feedback/test_log.py",
    ),
    Mutation(
        "anomaly/accepted.py",
        "self.own.maximum(self.remaining) <",
        "self.remaining <",
        "anomaly/test_accepted.py anomaly/feedback/test_log.py",
    ),
    Mutation(
        "anomaly/accepted.py",
        "quiet.minimum(torch.from_numpy(quietest))",
        "quiet",
        "anomaly/test_accepted.py anomaly/feedback/test_log.py",
    ),
    Mutation(
        "anomaly/accepted.py",
        "quietest = np.minimum(quietest, compared.own.amin(dim=0).numpy())",
        "quietest = compared.own.amin(dim=0).numpy()",
        "anomaly/test_accepted.py anomaly/feedback/test_log.py",
    ),
    Mutation(
        "anomaly/accepted.py",
        "if evidence_beside(quietest).max() > usual:",
        "if True:",
        "anomaly/test_accepted.py anomaly/feedback/test_log.py",
    ),
    Mutation(
        "anomaly/accepted.py",
        "min(least, before.least), quietest)",
        "least, quietest)",
        "anomaly/test_accepted.py anomaly/feedback/test_log.py",
    ),
)
