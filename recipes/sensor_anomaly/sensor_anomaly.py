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
    from comparison import always_on, charts_alone, measured
    from telemetry import labels_of, telemetry

    import seqae
    from seqae.anomaly.events import write_events_csv, write_events_json
    from seqae.anomaly.models import MODELS
    from seqae.data.signals.loading import as_recordings
    from seqae.report import Report, embedding_figure, headline, loss_figure, save_figure, signal_figure, write_report
    from seqae.report.run import Run

    if model not in MODELS:
        raise ValueError(f"no model {model!r}. Choose one of {', '.join(MODELS)}")
    if bool(normal) != bool(live):
        raise ValueError("only one of --normal and --live is given. Give both: rows to learn from, and rows to search")
    settings = dict(model=model, false_alarm_rate=false_alarm_rate, stride=stride, epochs=epochs, seed=seed)
    run = Run("sensor_anomaly", out, settings | {"normal": normal or "embedded", "live": live or "embedded"})
    seqae.configure_runtime()
    if not normal:
        folder = telemetry()
        normal, live, labels = (str(folder / name) for name in ("normal.csv.gz", "faults.csv.gz", "labels.json"))
    good = as_recordings(normal, ignore=ignore)
    (searched,) = as_recordings(live, ignore=ignore, channels=good[0].channels)
    if smoke:
        epochs, good = 1, [good[0].rows(0, 1200)]
    truth = labels_of(labels, searched.times, len(searched)) if labels else None
    print(f"data   {sum(map(len, good)):,} normal rows, {len(searched):,} to search, {len(good[0].channels)} channels")
    for remark in searched.warnings:
        print(f"note   {remark}")

    kinds = {f"autoencoder ({model})": model, "principal components": "pca", "moving average": "persistence"}
    found = {}
    for name, kind in kinds.items():
        detector = seqae.AnomalyDetector(
            MODELS[kind], stride=stride, false_alarm_rate=false_alarm_rate, epochs=epochs, seed=seed
        ).fit(good, progress=kind == model)
        found[name] = detector, detector.detect(searched)[0]
    results = [measured(name, detection, truth) for name, (_, detection) in found.items()]
    detector, detection = found[next(iter(found))]
    results.append(measured("control charts alone", charts_alone(detector, detection), truth))
    if truth is not None:
        results.append(measured("an alarm that never ends", always_on(detection), truth))
    summary = [
        f"Limits for a false alarm rate of {false_alarm_rate:g}; on normal rows that the models had not seen, "
        f"{detector.realised_rate_:.3%} of {sum(map(len, good)):,} raised an alarm.",
        *sorted({f"Note: {limit.remark}." for limit in detector.thresholds_ if limit.remark}),
    ]

    report = Report(
        title="Machine signals: anomalies by reconstruction",
        headline=headline(searched, detection.events, truth),
        summary=summary,
        recording=searched,
        reconstruction=detection.reconstruction,
        channel_scores=detection.channel_scores,
        threshold_ratio=detection.evidence,
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
    signal = signal_figure(searched, detection.reconstruction, detection.evidence, detection.events, truth)
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
