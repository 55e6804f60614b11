"""The table of what an artifact may hold is complete, and files do not depend on where a class lives."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import importlib.util
import inspect
import pkgutil
from collections import Counter
from pathlib import Path

import lightning
import pytest
from torch import nn

import seqae
from seqae import losses as errors
from seqae import retrieval
from seqae._extras import MissingExtra
from seqae.artifact import load, registry, save
from seqae.artifact.registry import MODULE_OF
from seqae.data._files.downloads import Remote
from seqae.modules.pooling import mean_over_time
from seqae.seq2seq import decoding
from seqae.transforms import corruptions

# Savable kinds of classes that are no part of a model: whoever adds a class decides whether it is saved.
NOT_SAVED = {
    # found in data, and the data itself
    *[
        "AudioBlock",
        "AudioClip",
        "Audio",
        "Block",
        "BulkJob",
        "CaptionedClip",
        "Content",
        "Count",
        "Halves",
        "CellReader",
        "Cells",
        "CsvBody",
        "CsvFormat",
        "CsvLayout",
        "CsvRows",
        "Digits",
        "EntityRows",
        "Feedback",
        "FeedbackLog",
        "FileHead",
        "GridReadings",
        "ImageDataset",
        "ImageSet",
        "LabelledSequences",
        "LabelledTree",
        "LaidOut",
        "LongRows",
        "Machines",
        "Pivot",
        "RateChange",
        "MaskedImage",
        "NormalData",
        "NormalRows",
        "NumberSigns",
        "PairSet",
        "Piece",
        "RaggedSequences",
        "Readings",
        "ReadStamps",
        "Recording",
        "Resampled",
        "Sampling",
        "ScaledRows",
        "Shard",
        "Signals",
        "SourceFile",
        "StampParts",
        "Table",
        "Variable",
        "TableText",
        "TimeSource",
    ],
    # results
    *[
        "Alert",
        "AutoencoderOutput",
        "ChannelOverview",
        "Overview",
        "RunOverview",
        "BaselineScores",
        "BottleneckOutput",
        "ChannelContribution",
        "CompositeOutput",
        "Confusion",
        "Detection",
        "Drift",
        "Event",
        "EventScores",
        "EventsFound",
        "InjectedFault",
        "RecursiveOutput",
        "RowScores",
        "RuntimeSettings",
        "Scores",
        "SearchResult",
        "StreamUpdate",
        "TreeBatchPlan",
        "TreeNodes",
        "TreeOutput",
    ],
    # steps on the way to one: what fits, and what a stream has scored so far
    *["ScoredRows", "ScorerFitter"],
    # given to one call
    *["BeamSearch", "GreedySearch", "Stage", "TokenSampling"],
    # how estimators train
    *["Split", "TrainingDefaults"],
    # parts of a data set that is larger than memory, and of the work on it
    *["BulkJob", "EntityRows", "Piece", "Shard", "SourceFile"],
    # fetches files
    *["Remote"],
    # a layer that others make: save these
    *["StepConvolution"],
    # a graph on its way to a file
    *["Lengths", "Sequences", "StepKind"],
    # forms of a detector or an encoder for other libraries and exporters: save the detector or the encoder in it
    *["AeonCollectionDetector", "AeonDetector", "AeonEncoder", "SktimeDetector", "SktimeEncoder", "TensorEncoder"],
}
# They write files, print, serve, or are this package itself.
CLOSED = ("seqae.artifact", "seqae.cli", "seqae.report", "seqae.service", "seqae._recipes")


def library_modules() -> list[str]:
    names = [module.name for module in pkgutil.walk_packages(seqae.__path__, "seqae.", onerror=lambda name: None)]
    return [name for name in names if not name.startswith(CLOSED)]


def importable(name: str) -> object | None:
    try:
        return importlib.import_module(name)
    except MissingExtra:
        return None


def is_savable_kind(kind: type) -> bool:
    """Whether a class is of a kind that artifacts hold: a module but no task of Lightning, settings, an estimator."""
    if inspect.isabstract(kind) or issubclass(kind, lightning.LightningModule):
        return False
    is_frozen = dataclasses.is_dataclass(kind) and kind.__dataclass_params__.frozen
    return issubclass(kind, nn.Module) or is_frozen or callable(getattr(kind, "fit", None))


def public_classes() -> list[type]:
    return [
        kind
        for module in map(importable, library_modules())
        if module is not None
        for name, kind in vars(module).items()
        if isinstance(kind, type) and kind.__module__ == module.__name__ and not name.startswith("_")
    ]


CLASSES = [kind for kind in public_classes() if is_savable_kind(kind)]


def test_every_savable_class_is_in_the_table_or_decided_to_be_none():
    undecided = [
        f'"{kind.__name__}": "{kind.__module__}",'
        for kind in CLASSES
        if MODULE_OF.get(kind.__name__) != kind.__module__ and kind.__name__ not in NOT_SAVED
    ]
    assert undecided == [], "add these lines to seqae/artifact/registry.py, or their names to NOT_SAVED"


def test_no_two_saved_classes_share_a_name():
    saved = Counter(kind.__name__ for kind in CLASSES if kind.__name__ not in NOT_SAVED)
    assert [name for name, count in saved.items() if count > 1] == []
    assert not MODULE_OF.keys() & NOT_SAVED
    text = Path(registry.__file__).read_text(encoding="utf-8")
    (table,) = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Dict)]
    names = [key.value for key in table.keys]
    assert names == sorted(set(names))  # a literal with a key twice has one of them


@pytest.mark.parametrize("name", MODULE_OF)
def test_an_entry_of_the_table_is_where_it_says(name):
    found = vars(importlib.import_module(MODULE_OF[name]))[name]
    assert (found.__module__, found.__qualname__) == (MODULE_OF[name], name)
    assert inspect.isfunction(found) or is_savable_kind(found)
    assert not MODULE_OF[name].startswith(CLOSED)


def test_every_class_decided_not_to_be_saved_exists():
    names = {kind.__name__ for kind in CLASSES}
    unseen = {
        node.name
        for name in library_modules()
        if importable(name) is None
        for node in ast.walk(ast.parse(Path(importlib.util.find_spec(name).origin).read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef)
    }
    assert NOT_SAVED - names - unseen == set()


def test_all_functions_of_a_module_can_be_saved_or_none():
    for home in {MODULE_OF[name] for name in MODULE_OF if name.islower()}:
        own = vars(importlib.import_module(home)).items()
        public = {name for name, each in own if inspect.isfunction(each) and each.__module__ == home}
        assert {name for name in public if not name.startswith("_")} <= MODULE_OF.keys()


def test_public_names_mean_the_same_in_files():
    for name in set(seqae.__all__) & MODULE_OF.keys():
        assert getattr(seqae, name).__module__ == MODULE_OF[name]


def test_files_name_no_module(tmp_path):
    encoder = seqae.RecurrentEncoder(seqae.GRU(2, 3), 2, embed=nn.Sequential(nn.Linear(2, 2), nn.GELU()))
    tree = [encoder, errors.squared_error, mean_over_time, corruptions.MaskSteps(0.1), errors.HuberLoss(2.0)]
    text = (save(tree, tmp_path / "tree") / "seqae.json").read_text()
    assert {"seqae.RecurrentEncoder", "seqae.GRU", "seqae.squared_error"} < {
        value for value in text.split('"') if value.startswith("seqae.")
    }
    assert not [value for value in text.split('"') if value.startswith("seqae.") and value.count(".") > 1]
    assert "torch.nn.Linear" in text and "torch.nn.modules" not in text


def test_a_class_that_moves_is_found_where_the_table_says(tmp_path, monkeypatch):
    folder = save([errors.HuberLoss(2.0), errors.squared_error], tmp_path / "tree")
    (tmp_path / "losses_elsewhere.py").write_text(Path(errors.__file__).read_text(encoding="utf-8"))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(MODULE_OF, "HuberLoss", "losses_elsewhere")
    monkeypatch.setitem(MODULE_OF, "squared_error", "losses_elsewhere")
    huber, squared = load(folder)
    assert type(huber).__module__ == squared.__module__ == "losses_elsewhere" and huber.delta == 2.0


def task() -> object:
    return seqae.Reconstruction(
        seqae.Autoencoder(seqae.MeanEncoder(2, 3), seqae.ConstantDecoder(nn.Linear(3, 2))), errors.squared_error
    )


NOTHING_TO_SAVE = {
    "task": task,
    "choice of a call": lambda: decoding.GreedySearch(),
    "file to be fetched": lambda: Remote("a", 1, "0", ()),
    "result": lambda: retrieval.SearchResult(None, None),
}


@pytest.mark.parametrize("name", NOTHING_TO_SAVE)
def test_what_is_absent_from_the_table_is_not_saved(tmp_path, name):
    obj = NOTHING_TO_SAVE[name]()
    with pytest.raises(ValueError, match=f"a {type(obj).__name__} is nothing that an artifact holds"):
        save(obj, tmp_path / "artifact")
    assert not (tmp_path / "artifact").exists()
