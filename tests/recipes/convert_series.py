"""Write benchmarks that are stored as arrays in the layouts in which they are published.

    python tests/recipes/convert_series.py {ecg5000,smd,nasa,tsb-ad,cmapss,fsdd} FOLDER_WITH_ARRAYS TARGET

ecg5000: `ecg5000.npz` to ECG5000_TRAIN.ts and ECG5000_TEST.ts; abnormal beats of unknown class become class 5,
"unclassifiable". smd: `machine-*.npz` to train, test and test_label. nasa: `A-1.npz` and the like to train/*.npy,
test/*.npy and labeled_anomalies.csv. tsb-ad: arrays `data`, `label` and `train_end` to CSV files of the same names.
cmapss: the engines of `train_FD001.txt.gz`, each cut at two random cycles, and those of `test_FD001.txt.gz`; the class
is whether more than 60 cycles remain. fsdd: log-mel frames of spoken digits; the ten first training recordings of each
digit and speaker, and all test recordings.
"""

import json
import shutil
import sys
from pathlib import Path

import numpy as np


def ecg5000(source: Path, target: Path) -> None:
    file = np.load(source / "ecg5000.npz")
    classes = {"TRAIN": file["y_train"], "TEST": np.where(file["y_test_class"] < 0, 5, file["y_test_class"])}
    for part, beats in (("TRAIN", file["x_train"]), ("TEST", file["x_test"])):
        lines = [f"{','.join(map(repr, map(float, beat)))}:{label}" for beat, label in zip(beats, classes[part])]
        (target / f"ECG5000_{part}.ts").write_text("\n".join(["@problemName ECG5000", "@data", *lines]) + "\n")


def smd(source: Path, target: Path) -> None:
    for path in sorted(source.glob("machine-*.npz")):
        file = np.load(path)
        for part, key, fmt in (("train", "train", "%.6f"), ("test", "test", "%.6f"), ("test_label", "label", "%d")):
            (target / part).mkdir(exist_ok=True)
            np.savetxt(target / part / f"{path.stem}.txt", file[key], fmt=fmt, delimiter=",")
    shutil.copytree(source / "interpretation_label", target / "interpretation_label", dirs_exist_ok=True)


def nasa(source: Path, target: Path) -> None:
    lines = ["chan_id,spacecraft,anomaly_sequences,class,num_values"]
    for path in sorted(source.glob("[A-Z]-[0-9]*.npz")):
        file = np.load(path)
        for part in ("train", "test"):
            (target / part).mkdir(exist_ok=True)
            np.save(target / part / f"{path.stem}.npy", file[part])
        edges = np.flatnonzero(np.diff(np.r_[0, file["label"], 0]))
        ranges = [[int(first), int(stop) - 1] for first, stop in edges.reshape(-1, 2)]
        lines.append(f'{path.stem},,"{json.dumps(ranges)}",,{len(file["test"])}')
    (target / "labeled_anomalies.csv").write_text("\n".join(lines) + "\n")


def tsb_ad(source: Path, target: Path) -> None:
    for path in sorted(source.rglob("*_tr_*_1st_*.npz")):
        file = np.load(path)
        table = np.column_stack([file["data"], file["label"]])
        names = [*(f"Data{index}" for index in range(table.shape[1] - 1)), "Label"]
        np.savetxt(target / f"{path.stem}.csv", table, fmt="%.9g", delimiter=",", header=",".join(names), comments="")


def cmapss(source: Path, target: Path) -> None:
    engines = {}
    for part in ("train", "test"):
        rows = np.loadtxt(source / f"{part}_FD001.txt.gz")
        engines[part] = [rows[rows[:, 0] == number, 2:] for number in np.unique(rows[:, 0])]
    random = np.random.default_rng(0)
    cuts = [random.choice(np.arange(30, len(rows) + 1), 2, replace=False) for rows in engines["train"]]
    known = [(rows[:cut], len(rows) - cut) for rows, pair in zip(engines["train"], cuts) for cut in pair]
    unknown = zip(engines["test"], np.loadtxt(source / "RUL_FD001.txt"))
    for part, cases in (("TRAIN", known), ("TEST", unknown)):
        write_ts(target / f"CMAPSS_{part}.ts", [(rows, "more" if left > 60 else "less") for rows, left in cases])


def fsdd(source: Path, target: Path) -> None:
    import seqae
    from seqae.data import read_clips

    clips = [
        clip
        for clip in read_clips("fsdd", source)
        if clip.part == "test" or int(Path(clip.name).stem.split("_")[2]) < 15
    ]
    log_mel = seqae.LogMel(sample_rate=8000, hop=0.02, window=0.04)
    frames = [(log_mel.decibels(clip.audio()).numpy(), clip.label) for clip in clips]
    for part in ("train", "test"):
        cases = [case for clip, case in zip(clips, frames) if clip.part == part]
        write_ts(target / f"FSDD_{part.upper()}.ts", cases)


def write_ts(path: Path, cases: list[tuple[np.ndarray, str]]) -> None:
    """Write labelled sequences `(time, channel)`."""
    lines = [":".join([*(",".join(f"{x:.6g}" for x in channel) for channel in rows.T), label]) for rows, label in cases]
    path.write_text("\n".join([f"@problemName {path.stem.rpartition('_')[0]}", "@data", *lines]) + "\n")


if __name__ == "__main__":
    name, source, target = sys.argv[1], *map(Path, sys.argv[2:4])
    target.mkdir(parents=True, exist_ok=True)
    {"ecg5000": ecg5000, "smd": smd, "nasa": nasa, "tsb-ad": tsb_ad, "cmapss": cmapss, "fsdd": fsdd}[name](
        source, target
    )
