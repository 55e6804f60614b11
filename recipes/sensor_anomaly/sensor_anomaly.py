"""Find faults in machine signals with an autoencoder trained on normal readings alone.

Malhotra et al. 2016, LSTM-based encoder-decoder for multi-sensor anomaly detection, https://arxiv.org/abs/1607.00148.
Tables are CSV, Parquet or JSON lines, one row per moment and one column per channel, or folders of these. Without a
table the recipe reads telemetry of a small service at 1 Hz: 90 minutes normal, 90 minutes with injected faults.

    python recipes/sensor_anomaly/sensor_anomaly.py
    python recipes/sensor_anomaly/sensor_anomaly.py --normal good_week.csv --live today.csv --false-alarm-rate 0.001
"""

from functools import partial
from pathlib import Path
from typing import Unpack

import torch
from comparison import evaluate, evaluate_baselines, numbers, rates_in_a_sentence, rates_on_injected_faults

import seqae
from seqae import cli
from seqae.anomaly import WINDOW_MODELS, Detection, write_events_csv, write_events_json
from seqae.data import ReadingKeywords, ReadingOptions, read_labels, telemetry_folder
from seqae.evaluation import format_rates
from seqae.report import Report, embedding_figure, headline, loss_figure, save_figure, signal_figure, write_report

NAME = "autoencoder"
DATA = "embedded telemetry of a service, or your tables"
QUICK = {}


def main(
    normal: str = "",
    live: str = "",
    labels: str = "",
    model: str = "linear",
    false_alarm_rate: float = 0.01,
    epochs: int = 15,
    seed: int = 0,
    smoke: bool = False,
    out: Path = Path("runs"),
    *,
    normal_reading: ReadingKeywords | None = None,
    live_reading: ReadingKeywords | None = None,
    **reading: Unpack[ReadingKeywords],
) -> dict[str, float]:
    """Learn from normal rows, score others, compare with baselines, write a report.

    Args:
        normal: Table or folder to learn from; the embedded telemetry if empty.
        live: Table to search.
        labels: JSON list of known faults, {"start": ..., "end": ...}, to evaluate against; not learnt from.
        model: The autoencoder: linear, lstm, gru, conv or attention; auto chooses one by injected faults.
        false_alarm_rate: Fraction of normal rows that may raise an alarm.
        epochs: Passes over the training windows.
        seed: Seed of all random numbers.
        smoke: Only try whether it runs, on 20 minutes of normal rows.
        out: Folder for the results.
        normal_reading: How the normal table is read, where it differs from the other.
        live_reading: How the table to search is read, where it differs.
        **reading: How tables are read, see `seqae.data.ReadingOptions`; what one of them lacks is no error.
    """
    if smoke:
        epochs = 1
    run = seqae.Run(main, locals())
    seqae.configure_runtime()
    torch.manual_seed(seed)
    if model not in {*WINDOW_MODELS, "auto"}:
        raise ValueError(f"no model {model!r}. Choose one of {', '.join(WINDOW_MODELS)}, auto")
    if bool(normal) != bool(live):
        raise ValueError("only one of --normal and --live is given. Give both: rows to learn from, and rows to search")
    if not normal:
        folder = telemetry_folder()
        normal, live, labels = (str(folder / name) for name in ("normal.csv.gz", "faults.csv.gz", "labels.json"))
    tables = {"normal": (normal, normal_reading), "live": (live, live_reading)}
    good, (searched, *others) = cli.read_tables(tables, reading)
    if others:
        raise ValueError(f"{live} holds {1 + len(others)} recordings. Give one at a time; seqae score takes several")
    good = [good[0].rows(0, 1200)] if smoke else good
    truth = read_labels(labels, searched.times, len(searched)) if labels else None
    print(f"data   {sum(map(len, good)):,} normal rows, {len(searched):,} to search, {len(good[0].channels)} channels")
    for warning in searched.warnings:
        print(f"note   {warning}")

    new_detector = partial(
        seqae.AnomalyDetector,
        model if model == "auto" else WINDOW_MODELS[model],
        false_alarm_rate=false_alarm_rate,
        epochs=epochs,
        random_state=seed,
    )
    detector = new_detector().fit(good, progress=True)
    detector.reading_ = ReadingOptions.of(**{**reading, **(normal_reading or {})}).remembered()  # for seqae score
    (detection,) = detector.detect(searched)
    results = [evaluate(NAME, detection.scores, detection.alarms, truth)]
    results += evaluate_baselines(good, searched, truth, false_alarm_rate)
    rates = rates_on_injected_faults(new_detector, good, smoke)
    run.write_text("injected.txt", "\n".join(format_rates(rates)) + "\n")

    summary = [
        f"Threshold for a false alarm rate of {false_alarm_rate:g}: a score of {detection.threshold:.2f}.",
        rates_in_a_sentence(rates),
    ]
    report = Report(
        "Machine signals: anomalies by reconstruction",
        headline(searched, detection.events, truth),
        summary,
        searched,
        detection.reconstruction,
        detection.channel_scores,
        detection.scores,
        detection.threshold,
        detection.events,
        results=results,
        labels=truth,
        history=detector.history_,
        settings=run.settings,
    )
    write_report(report, run.path("report.html"))
    write_detection(run, detection)
    signal = signal_figure(
        searched, detection.reconstruction, detection.scores, detection.threshold, detection.events, truth
    )
    save_figure(signal, run.path("signal.png"))
    if detector.history_:
        save_figure(loss_figure(detector.history_), run.path("loss.png"))
    save_figure(embedding_figure(detector.encode(searched)), run.path("codes.png"))
    metrics = numbers(results)
    seqae.save(detector, run.path("model"), metrics=numbers(results[:1]))
    print(report.headline, *summary, sep="\n")
    run.finish(results, metrics)
    print(f"next   open {run.path('report.html')}, or: seqae score {run.folder} YOUR.csv")
    return metrics


def write_detection(run: seqae.Run, detection: Detection) -> None:
    """Write the scores of all rows, and the events, as tables."""
    detection.frame().to_csv(run.path("scores.csv"), index=False, float_format="%.6g")
    write_events_csv(detection.events, run.path("events.csv"))
    write_events_json(detection.events, run.path("events.json"))


if __name__ == "__main__":
    cli.run(main)
