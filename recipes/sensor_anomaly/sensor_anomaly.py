"""Find faults in machine signals with an autoencoder trained on normal readings alone.

Malhotra et al. 2016, LSTM-based encoder-decoder for multi-sensor anomaly detection, https://arxiv.org/abs/1607.00148.

    python recipes/sensor_anomaly.py
    python recipes/sensor_anomaly.py --normal good_week.csv --live today.csv --false-alarm-rate 0.001

Tables are CSV, Parquet or JSON lines, one row per moment and one column per channel, or folders of these. With no table
it takes the embedded one: telemetry of a small service at 1 Hz, 90 minutes normal, 60 minutes with faults injected.
"""

from pathlib import Path

from seqae import cli

DATA = "embedded telemetry of a service, or your tables"
MINUTES = 1
RESULT = "17 of 17 faults, 1 false alarm; principal components 16, control charts alone 15"


def main(
    normal: str = "",
    live: str = "",
    labels: str = "",
    ignore: tuple[str, ...] = (),
    model: str = "dense",
    false_alarm_rate: float = 0.01,
    stride: int = 1,
    epochs: int = 15,
    seed: int = 0,
    smoke: bool = False,
    out: Path = Path("runs"),
) -> dict[str, float]:
    """Learn from normal rows, score others, compare with baselines, write a report.

    Args:
        normal: Table or folder to learn from; the embedded telemetry if empty.
        live: Table to search.
        labels: JSON list of known faults, {"start": ..., "end": ...}, to measure against; not learnt from.
        ignore: Columns to leave out.
        model: One of dense, lstm, gru, conv.
        false_alarm_rate: Share of normal rows that may raise an alarm.
        stride: Steps between windows; more is quicker and coarser.
        epochs: Passes over the training windows.
        seed: Of all random numbers.
        smoke: Only try whether it runs.
        out: Folder for the results.
    """
    from comparison import constant_alarm_baseline, control_chart_baseline, evaluate

    import seqae
    from seqae.anomaly.events import write_events_csv, write_events_json
    from seqae.anomaly.window_models import WINDOW_MODELS
    from seqae.data import read_labels, telemetry_folder
    from seqae.data.signals.loading import as_recordings
    from seqae.report import Report, embedding_figure, headline, loss_figure, save_figure, signal_figure, write_report
    from seqae.report.run import Run

    if model not in WINDOW_MODELS:
        raise ValueError(f"no model {model!r}. Choose one of {', '.join(WINDOW_MODELS)}")
    if bool(normal) != bool(live):
        raise ValueError("only one of --normal and --live is given. Give both: rows to learn from, and rows to search")
    settings = dict(model=model, false_alarm_rate=false_alarm_rate, stride=stride, epochs=epochs, seed=seed)
    run = Run("sensor_anomaly", out, settings | {"normal": normal or "embedded", "live": live or "embedded"})
    seqae.configure_runtime()
    if not normal:
        folder = telemetry_folder()
        normal, live, labels = (str(folder / name) for name in ("normal.csv.gz", "faults.csv.gz", "labels.json"))
    good = as_recordings(normal, ignore=ignore)
    (searched,) = as_recordings(live, ignore=ignore, channels=good[0].channels)
    if smoke:
        epochs, good = 1, [good[0].rows(0, 1200)]
    truth = read_labels(labels, searched.times, len(searched)) if labels else None
    print(f"data   {sum(map(len, good)):,} normal rows, {len(searched):,} to search, {len(good[0].channels)} channels")
    for remark in searched.warnings:
        print(f"note   {remark}")

    kinds = {f"autoencoder ({model})": model, "principal components": "pca", "moving average": "moving_average"}
    found = {}
    for name, kind in kinds.items():
        detector = seqae.AnomalyDetector(
            WINDOW_MODELS[kind], stride=stride, false_alarm_rate=false_alarm_rate, epochs=epochs, random_state=seed
        ).fit(good, progress=kind == model)
        found[name] = detector, detector.detect(searched)[0]
    results = [evaluate(name, detection, truth) for name, (_, detection) in found.items()]
    detector, detection = found[next(iter(found))]
    results.append(evaluate("control charts alone", control_chart_baseline(detector, detection), truth))
    if truth is not None:
        results.append(evaluate("constant alarm", constant_alarm_baseline(detection), truth))
    summary = [
        f"Thresholds for a false alarm rate of {false_alarm_rate:g}; on held-out normal rows, "
        f"{detector.empirical_false_alarm_rate_:.3%} of {sum(map(len, good)):,} raised an alarm.",
        *sorted({f"Note: {each.warning}." for each in detector.thresholds_ if each.warning}),
    ]

    report = Report(
        title="Machine signals: anomalies by reconstruction",
        headline=headline(searched, detection.events, truth),
        summary=summary,
        recording=searched,
        reconstruction=detection.reconstruction,
        channel_scores=detection.channel_scores,
        evidence=detection.threshold_ratio,
        events=detection.events,
        results=results,
        labels=truth,
        history=detector.history_,
        settings=settings,
    )
    write_report(report, run.path("report.html"))
    detection.frame().to_csv(run.path("scores.csv"), index=False, float_format="%.6g")
    write_events_csv(detection.events, run.path("events.csv"))
    write_events_json(detection.events, run.path("events.json"))
    signal = signal_figure(searched, detection.reconstruction, detection.threshold_ratio, detection.events, truth)
    save_figure(signal, run.path("signal.png"))
    save_figure(loss_figure(detector.history_), run.path("loss.png"))
    save_figure(embedding_figure(detector.encode(searched)), run.path("codes.png"))
    metrics = {name: float(value) for name, value in results[0].items() if isinstance(value, float | int)}
    seqae.save(detector, run.path("model"), metrics=metrics)
    print(report.headline, *summary, sep="\n")
    run.finish(results, metrics)
    print(f"next   open {run.path('report.html')}, or: seqae score {run.folder} YOUR.csv")
    return metrics


if __name__ == "__main__":
    cli.run(main)
