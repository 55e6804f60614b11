"""What is saved comes back exactly; what was damaged, made up or cut short is refused by name."""

from __future__ import annotations

import hashlib
import io
import json
import math
import os
import pickle
import random
import resource
import threading
import zipfile
from contextlib import suppress
from dataclasses import dataclass, field
from functools import reduce
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from torch import nn

import seqae
from seqae import losses as errors
from seqae._files import open_file
from seqae.artifact import folder as files
from seqae.artifact import inspect, load, save
from seqae.artifact.checksum import add_checksum
from seqae.artifact.weights import pack
from seqae.modules.pooling import mean_over_time
from seqae.transforms import corruptions

FILES = ("model.safetensors", "seqae.json")


class Net(nn.Module):
    """Keeps its arguments, as the convention asks."""

    def __init__(self, inputs: int, hidden: int = 4, head: nn.Module | None = None):
        super().__init__()
        self.inputs = inputs
        self.hidden = hidden
        self.body = nn.LSTM(inputs, hidden, batch_first=True)
        self.head = head
        self.register_buffer("scale", torch.ones(hidden))

    def forward(self, steps):
        found = self.body(steps)[0] * self.scale
        return found if self.head is None else self.head(found)


@dataclass(frozen=True)
class Limits:
    low: float
    high: float = math.inf
    names: tuple[str, ...] = ()
    derived: float = field(init=False, default=0.0)


class Learner:
    """A plain class: settings, and what fitting learnt."""

    def __init__(self, limits: Limits | None = None, net: nn.Module | None = None, *, rate: float = 0.1):
        self.limits = limits
        self.net = net
        self.rate = rate
        self.cache = object()  # neither a setting nor learnt: not saved

    def fit(self, values):
        self.mean_ = values.mean(axis=0)
        return self


class Pair(nn.Module):
    def __init__(self, first: nn.Module, second: nn.Module):
        super().__init__()
        self.first = first
        self.second = second


class Tied(nn.Module):
    """Two layers with one weight."""

    def __init__(self, size: int):
        super().__init__()
        self.size = size
        self.there = nn.Linear(size, size)
        self.back = nn.Linear(size, size)
        self.back.weight = self.there.weight


OWN = (Net, Limits, Learner, Pair, Tied)


def again(obj, tmp_path: Path, classes=OWN):
    return load(save(obj, tmp_path / "artifact"), classes)


def edit(folder: Path, change) -> None:
    """Change a description and renew its checksum, as an attacker would."""
    content = json.loads((folder / "seqae.json").read_text())
    del content["sha256"]
    change(content)
    (folder / "seqae.json").write_bytes(add_checksum(content))


def same(one, other) -> bool:
    """Equality that tells 1 from 1.0 from True and 0.0 from -0.0, and in which NaN equals itself."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, np.ndarray | np.generic):
        one, other = np.asarray(one), np.asarray(other)
        known = one.dtype.kind == "f" and ~np.isnan(one)
        signs = one.dtype.kind != "f" or np.array_equal(np.signbit(one)[known], np.signbit(other)[known])
        equal = np.array_equal(one, other, equal_nan=one.dtype.kind in "fmM")
        return one.dtype == other.dtype and one.shape == other.shape and equal and signs
    if isinstance(one, float):
        return repr(one) == repr(other)
    return one == other


DTYPES = st.one_of(
    npst.boolean_dtypes(),
    npst.integer_dtypes(endianness="?"),
    npst.unsigned_integer_dtypes(endianness="?"),
    npst.floating_dtypes(sizes=(16, 32, 64), endianness="?"),
    npst.datetime64_dtypes(),
    npst.unicode_string_dtypes(max_len=5),
)
SHAPES = npst.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)
ARRAYS = npst.arrays(DTYPES, SHAPES)
NAMES = npst.arrays(object, SHAPES, elements=st.text(max_size=5))  # as pandas and scikit-learn keep them
PLAIN = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(st.characters()),  # lone surrogates too
    st.text(max_size=5).map(Path),
    ARRAYS,
    NAMES,
    ARRAYS.filter(lambda array: array.ndim == 0).map(lambda array: array[()]),
)
TREES = st.recursive(
    PLAIN,
    lambda part: st.one_of(
        st.lists(part, max_size=4),
        st.lists(part, max_size=4).map(tuple),
        st.dictionaries(st.text(max_size=4), part, max_size=4),
    ),
    max_leaves=12,
)
slow_disk = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


# What comes back


@settings(slow_disk, max_examples=50)
@given(TREES)
def test_plain_values_come_back_exactly(tmp_path, tree):
    assert same(again(tree, tmp_path), tree)


@pytest.mark.parametrize("dtype", ["<f8", ">f4", "f2", "?", "u1", ">i8", "<u8", "M8[ns]", "m8[s]"])
def test_large_arrays_come_back_exactly(tmp_path, dtype):
    numbers = np.random.default_rng(0).integers(0, 100, (3, 500)).astype("i8").astype(dtype)
    tree = {"a.b": numbers, "a": {"b": numbers[:, ::-1].T + numbers.T[:, ::-1] if dtype != "M8[ns]" else numbers.T}}
    loaded = again(tree, tmp_path)
    assert same(loaded, tree)
    loaded["a.b"][0, 0] = loaded["a.b"][0, 1]  # it can be written to
    assert len((tmp_path / "artifact" / "seqae.json").read_bytes()) < 3000


def test_objects_come_back_with_settings_and_with_what_they_learnt(tmp_path):
    learner = Learner(Limits(-1.5, names=("a", "b")), rate=0.3).fit(np.array([[1.0, np.nan]]))
    learner.history_ = {"loss": [3, 2.5], "best": np.float32(0.1)}
    loaded = again(learner, tmp_path)
    assert (type(loaded), loaded.limits, loaded.rate, loaded.net) == (Learner, learner.limits, 0.3, None)
    assert same(loaded.mean_, learner.mean_)
    assert same(loaded.history_, learner.history_)


@pytest.mark.parametrize("held_by", ["nothing", "module", "object", "list"])
def test_modules_come_back_with_their_weights_in_evaluation_mode(tmp_path, held_by):
    net = Net(3, head=nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Dropout(0.5)))
    net.scale.copy_(torch.rand(4))
    net.head[1].running_mean.normal_()
    hold, take = {
        "nothing": (lambda net: net, lambda net: net),
        "module": (lambda net: Pair(net, nn.Identity()), lambda pair: pair.first),
        "object": (lambda net: Learner(net=net), lambda learner: learner.net),
        "list": (lambda net: {"nets": [net, nn.Linear(2, 2)]}, lambda found: found["nets"][0]),
    }[held_by]
    loaded = take(again(hold(net), tmp_path))
    assert net.training and not any(part.training for part in loaded.modules())
    assert loaded.state_dict().keys() == net.state_dict().keys()
    assert all(torch.equal(loaded.state_dict()[key], tensor) for key, tensor in net.state_dict().items())
    assert all(parameter.requires_grad and parameter.is_leaf for parameter in loaded.parameters())
    steps = torch.rand(2, 6, 3)
    net.eval()
    assert torch.equal(loaded.body(steps)[0], net.body(steps)[0])


def test_functions_and_dataclasses_of_seqae_come_back(tmp_path):
    tree = [
        errors.squared_error,
        errors.HuberLoss(2.0),
        mean_over_time,
        corruptions.Compose((corruptions.GaussianNoise(0.1), corruptions.MaskSteps(0.2))),
    ]
    assert load(save(tree, tmp_path / "tree")) == tree


def test_precision_and_frozen_parameters_come_back(tmp_path):
    model = nn.Sequential(nn.Linear(2, 3).double(), nn.Linear(3, 1).to(torch.bfloat16))
    model[0].bias.requires_grad_(False)
    loaded = load(save(model, tmp_path / "model"))
    # On the CPU layers refuse half precision or round each result, and float32 holds the same numbers.
    assert [parameter.dtype for parameter in loaded.parameters()] == [torch.float64] * 2 + [torch.float32] * 2
    assert torch.equal(loaded[1].weight.bfloat16(), model[1].weight)
    assert [parameter.requires_grad for parameter in loaded.parameters()] == [True, False, True, True]
    assert torch.equal(loaded[0].weight, model[0].weight)


def test_what_is_shared_stays_shared(tmp_path):
    layer = nn.Linear(3, 3)
    pair = Pair(nn.Sequential(layer, layer), Tied(3))
    learner = Learner(net=layer)
    loaded = again({"learner": learner, "pair": pair, "again": learner}, tmp_path)
    assert loaded["again"] is loaded["learner"]
    first = loaded["pair"].first
    assert first[0] is first[1] is loaded["learner"].net
    assert torch.equal(first[0].weight, layer.weight)
    tied = loaded["pair"].second
    assert tied.back.weight is tied.there.weight
    assert torch.equal(tied.there.weight, pair.second.there.weight)
    assert tied.back.bias is not tied.there.bias
    assert inspect(tmp_path / "artifact")["parameters"] == sum(weight.numel() for weight in pair.parameters())


def test_weights_that_share_memory_come_back(tmp_path):
    layer, numbers = nn.Linear(3, 2), torch.rand(6)
    layer.weight.data, layer.bias.data = numbers.view(3, 2).T, numbers[1:3]
    loaded = load(save(layer, tmp_path / "layer"))
    assert torch.equal(loaded.weight, layer.weight) and torch.equal(loaded.bias, layer.bias)


def test_the_first_or_the_second_of_shared_modules_may_be_inside_another(tmp_path):
    layer = nn.Linear(3, 3)
    for tree in ([layer, Pair(layer, nn.Tanh())], [Pair(layer, nn.Tanh()), layer]):
        loaded = again(tree, tmp_path)
        shared, pair = sorted(loaded, key=lambda part: isinstance(part, Pair))
        assert pair.first is shared
        assert torch.equal(shared.weight, layer.weight)


def test_saving_and_loading_draw_no_random_numbers_and_leave_the_model_as_it_is(tmp_path):
    model = Net(3).train()
    before, state = torch.get_rng_state(), {key: value.clone() for key, value in model.state_dict().items()}
    again(model, tmp_path)
    assert torch.equal(torch.get_rng_state(), before)
    assert model.training and all(torch.equal(model.state_dict()[key], value) for key, value in state.items())


def test_a_loaded_model_learns_on_and_outlives_its_file(tmp_path):
    loaded = again(Net(3, head=nn.Linear(4, 1)), tmp_path)
    (tmp_path / "artifact" / "model.safetensors").write_bytes(b"")
    loaded(torch.rand(2, 5, 3)).square().sum().backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in loaded.parameters())
    with torch.no_grad():
        loaded.head.weight -= loaded.head.weight.grad


def test_inspect_tells_without_building(tmp_path, monkeypatch):
    save(Net(3), tmp_path / "model", metrics={"f1": 0.5, "delay": math.nan})
    monkeypatch.setattr(Net, "__init__", None)
    found = inspect(tmp_path / "model")
    assert found["metrics"]["f1"] == 0.5 and math.isnan(found["metrics"]["delay"])
    assert found["parameters"] == 4 * 4 * (3 + 4 + 2)
    assert found["provenance"]["seqae"] == seqae.__version__
    assert found["tree"]["object"]["settings"] == {"inputs": 3, "hidden": 4, "head": None}


# What can't be saved


class Forgetful(nn.Module):
    def __init__(self, size: int):
        super().__init__()
        self.layer = nn.Linear(size, size)


class Keywords(nn.Module):
    def __init__(self, **options: int):
        super().__init__()
        self.options = options


class Loose(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = torch.ones(3)


class Passing(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("table", torch.ones(3), persistent=False)


def with_another_head() -> Net:
    net = Net(3)
    net.body = nn.LSTM(3, 5)
    return net


def with_another_layer() -> Net:
    net = Net(3)
    net.extra = nn.Linear(2, 2)
    return net


def holding_itself() -> list:
    values = []
    values.append(values)
    return values


UNSAVABLE = {
    "argument not kept": (lambda: {"a": [Forgetful(3)]}, r"a\.0: Forgetful takes 'size'.*self\.size = size"),
    "keywords": (lambda: Keywords(a=1), r"Keywords takes \*\*keywords"),
    "loose tensor": (
        lambda: Pair(Loose(), Loose()),
        r"first\.table \(and 1 more\) is a tensor that is not stored.*register_buffer",
    ),
    "passing buffer": (lambda: Passing(), "table is a tensor that is not stored"),
    "changed since it was built": (with_another_head, r"body\.\w+ has the shape \(20,.*and \(16,.*settings"),
    "grown since it was built": (with_another_layer, r"the weights hold extra\.bias \(and 1 more\)"),
    "tensor": (lambda: {"x": torch.ones(3)}, "x is a tensor.*numpy array"),
    "lambda": (lambda: [lambda x: x], "0: .*<lambda> is no function that an artifact may hold"),
    "function of torch": (lambda: [torch.tanh], "0 is a builtins.builtin_function_or_method"),
    "function of another kind": (lambda: [save], r"seqae\.artifact\.save is no function.*squared_error"),
    "set": (lambda: {"a": {"b": {1}}}, r"a\.b is a builtins\.set, which cannot be saved"),
    "class": (lambda: {"a": Net}, "a is a builtins.type"),
    "key": (lambda: {"a": {3: 4}}, "a has the key 3"),
    "complex": (lambda: {"x": np.ones(3, dtype=complex)}, "x: an array of complex128 cannot be saved"),
    "objects": (lambda: np.array([None] * 2000), "array holds None as an object"),
    "complex weights": (lambda: nn.Linear(2, 2).to(torch.complex64), "is made of torch.complex64"),
    "loop": (holding_itself, "deeper than 64"),
}


@pytest.mark.filterwarnings("ignore:Complex modules")
@pytest.mark.parametrize("name", UNSAVABLE)
def test_what_could_not_be_loaded_is_not_saved(tmp_path, name):
    make, message = UNSAVABLE[name]
    with pytest.raises(ValueError, match=message) as caught:
        save(make(), tmp_path / "artifact")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "artifact").exists()


# What is refused when reading


@pytest.fixture(scope="module")
def artifact(tmp_path_factory) -> Path:
    learner = Learner(Limits(0.0, names=("pressure", "flow")), Net(2, 3)).fit(np.arange(6.0).reshape(3, 2))
    return save(learner, tmp_path_factory.mktemp("artifacts") / "model", metrics={"f1": 0.7})


def copy(artifact: Path, target: Path) -> Path:
    target.mkdir(exist_ok=True)
    for name in FILES:
        (target / name).write_bytes((artifact / name).read_bytes())
    return target


def refused(folder: Path, match: str, error: type[Exception] = ValueError, classes=OWN) -> None:
    with pytest.raises(error, match=match) as caught:
        load(folder, classes)
    assert "\n" not in str(caught.value) and folder.name in str(caught.value)


@slow_disk
@given(st.sampled_from(FILES), st.integers(0), st.integers(1, 255))
def test_no_byte_can_be_changed(artifact, tmp_path, name, place, change):
    folder = copy(artifact, tmp_path / "damaged")
    data = bytearray((folder / name).read_bytes())
    data[place % len(data)] ^= change
    (folder / name).write_bytes(data)
    refused(folder, "damaged")
    with pytest.raises(ValueError, match="damaged"):
        inspect(folder)


class Attack:
    def __reduce__(self):
        return os.mkdir, ("attacked",)


def zip_file() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("data.pkl", pickle.dumps(Attack()))
    return buffer.getvalue()


def torch_file() -> bytes:
    buffer = io.BytesIO()
    torch.save(Attack(), buffer)
    return buffer.getvalue()


DISGUISES = {
    "empty": lambda data: b"",
    "half": lambda data: data[: len(data) // 2],
    "one byte less": lambda data: data[:-1],
    "one byte more": lambda data: data + b"\n",
    "zeros": lambda data: bytes(len(data)),
    "page": lambda data: b"<!DOCTYPE html><html><body>404</body></html>",
    "pickle": lambda data: pickle.dumps(Attack()),
    "torch": lambda data: torch_file(),
    "zip": lambda data: zip_file(),
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("disguise", DISGUISES)
def test_other_files_in_disguise_are_named_and_run_nothing(artifact, tmp_path, monkeypatch, name, disguise):
    monkeypatch.chdir(tmp_path)
    folder = copy(artifact, tmp_path / "folder")
    (folder / name).write_bytes(DISGUISES[disguise]((folder / name).read_bytes()))
    refused(folder, f"folder/{name} is damaged")
    if name == "model.safetensors":  # with the right hash, too
        data = (folder / name).read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        edit(folder, lambda content: content.update(weights=digest, weight_bytes=len(data)))
        refused(folder, f"folder/{name} is no file of weights")
    assert not Path("attacked").exists()


def test_absent_files_are_named(artifact, tmp_path):
    refused(tmp_path / "nowhere", "nowhere holds no artifact.*seqae.json is absent", FileNotFoundError)
    folder = copy(artifact, tmp_path / "folder")
    (folder / "model.safetensors").unlink()
    refused(folder, "model.safetensors is absent", FileNotFoundError)
    refused(artifact / "model.safetensors", "is a file. An artifact is a folder")


@pytest.mark.parametrize("address", ["http://example.com/model", "https://example.com/m", "s3://bucket/m", "FTP://a/b"])
def test_addresses_are_refused(address):
    for function in (load, inspect, lambda address: save(1, address)):
        with pytest.raises(ValueError, match=f"{address} is an address"):
            function(address)


def test_a_newer_format_says_what_to_install(artifact, tmp_path):
    folder = copy(artifact, tmp_path / "newer")
    edit(folder, lambda content: content.update(format=2, provenance={"seqae": "7.8.9"}))
    refused(folder, r"format 2; seqae .* reads format 1.*pip install 'seqae>=7\.8\.9'")


def test_classes_must_be_passed(artifact):
    refused(
        artifact,
        r"holds classes that .*\.Learner, .*\.Limits, .*\.Net\. .*classes=\[Learner, Limits, Net\]",
        classes=(),
    )
    refused(artifact, r"does not know: \S+\.Net\. If", classes=(Learner, Limits))


def test_a_class_of_a_script_is_found_by_its_own_name(artifact, tmp_path):
    folder = copy(artifact, tmp_path / "script")
    text = json.dumps(json.loads((folder / "seqae.json").read_text())["tree"]).replace(
        f'"{Net.__module__}.', '"__main__.'
    )
    edit(folder, lambda content: content.update(tree=json.loads(text)))
    assert isinstance(load(folder, OWN).net, Net)


HOSTILE_CLASSES = [
    "os.system",
    "builtins.eval",
    "subprocess.Popen",
    "torch.load",
    "torch.nn.functional.relu",
    "torch.nn.DataParallel",
    "torch.nn.LazyLinear",
    "torch.nn.Module",
    "torch.nn.Parameter",
    "torch.nn.modules",
    "torch.nn.modules.linear.Linear",
    "torch.nn.",
    "seqae.artifact.os",
    "seqae.artifact.os.system",
    "seqae.artifact.folder.Path",
    "seqae.artifact.save",
    "seqae.save",
    "seqae.squared_error",
    "seqae.losses.squared_error",
    "seqae.dataclass",
    "seqae.torch",
    "seqae.Path",
    "seqae.cli.main",
    "seqae.main",
    "seqae.cli.__main__.main",
    "seqae.MissingExtra",
    "seqae.Report",
    "seqae.Remote",
    "seqae.DataLoader",
    "seqae.OnlineDetector",
    "seqae.Reconstruction",
    "seqae.ABC",
    "seqae.Encoder",
    "seqae.modules.encoders.RecurrentEncoder",
    "seqae.__builtins__",
    "seqae..LSTM",
    "seqae.LSTM.__init__",
    "seqae._recipes.anything",
    "seqae.modules.native.build._run",
    "seqae.dense",
    "seqae._where_known",
    "seqae",
    "seqae.",
    "",
]


@pytest.mark.parametrize("name", HOSTILE_CLASSES)
def test_nothing_else_can_be_named(tmp_path, name):
    folder = save({"net": nn.Identity(), "error": errors.squared_error}, tmp_path / "hostile")
    edit(folder, lambda content: content.update(tree={"object": {"class": name, "settings": {}}}))
    refused(folder, "hostile cannot be loaded: .*(does not know|no class that seqae builds)", classes=())
    if name != "seqae.squared_error":
        edit(folder, lambda content: content.update(tree={"function": name}))
        refused(folder, "hostile cannot be loaded: .* is no function that an artifact may hold", classes=())


MALFORMED = {
    "unknown word": {"evaluate": "1 + 1"},
    "two words": {"tuple": [], "dict": {}},
    "no word": {},
    "tuple of nothing": {"tuple": 5},
    "float": {"float": "many"},
    "reference": {"same": "elsewhere"},
    "class": {"object": {"class": ["x"], "settings": {}}},
    "unknown setting": {"object": {"class": "torch.nn.Linear", "settings": {"device": "cuda"}}},
    "copies": {"object": {"class": "torch.nn.Transformer", "settings": {"num_encoder_layers": 10**9}}},
    "enormous parameter": {
        "object": {"class": "torch.nn.ParameterList", "settings": {"shapes": {"dict": {"0": [2**40]}}}}
    },
    "parts that are no layers": {
        "object": {"class": "torch.nn.Sequential", "settings": {"layers": {"dict": {"0": 1}}}}
    },
    "a stack of nothing": {"object": {"class": "torch.nn.TransformerEncoder", "settings": {"layers": {"dict": {}}}}},
    "function as a class": {"object": {"class": "seqae.squared_error", "settings": {}}},
    "class as a function": {"function": "seqae.LSTM"},
    "dunder": {"object": {"class": "torch.nn.Tanh", "settings": {}, "learnt": {"__class__": 1}}},
    "method": {"object": {"class": "torch.nn.Tanh", "settings": {}, "learnt": {"forward": 1}}},
    "object array": {"array": {"dtype": "O", "shape": [1], "values": [[1]]}},
    "record array": {"array": {"dtype": "V1000000000", "shape": [1], "values": "1"}},
    "enormous string": {"array": {"dtype": "<U500000000", "shape": [1], "values": ["a"]}},
    "enormous shape": {"array": {"dtype": "<f8", "shape": [10**12], "values": "1"}},
    "absent tensor": {"array": {"dtype": "<f8", "shape": [1], "tensor": "a"}},
    "deep": json.loads('{"tuple": [' * 90 + "1" + "]}" * 90),
    "number": {"array": {"dtype": "|u1", "shape": [1], "values": "256"}},
}


@pytest.mark.parametrize("name", MALFORMED)
def test_made_up_descriptions_are_refused(tmp_path, name):
    folder = save(1, tmp_path / "madeup")
    edit(folder, lambda content: content.update(tree=MALFORMED[name]))
    refused(folder, "madeup cannot be loaded")


@pytest.mark.parametrize(
    "text", ["[" * 100_000, "{}", "[]", '{"format": "x"}', '{"format": 1, "provenance": {"seqae": "1"}}']
)
def test_signed_nonsense_is_refused(tmp_path, text):
    folder = save(1, tmp_path / "nonsense")
    body = text.removesuffix("}").encode()
    from seqae.artifact import checksum

    ending = checksum._ENDING % checksum.hashlib.sha256(body).hexdigest().encode()
    (folder / "seqae.json").write_bytes(body + ending)
    refused(folder, "nonsense/seqae.json describes no artifact")


def test_a_description_of_enormous_size_is_not_read(tmp_path):
    folder = save(1, tmp_path / "enormous")
    os.truncate(folder / "seqae.json", 2**40)
    refused(folder, "seqae.json has more than")
    with pytest.raises(ValueError, match="Keep less"):
        save(["x" * 2**24], tmp_path / "another")


def test_weights_of_enormous_size_are_not_read(tmp_path):
    folder = save(nn.Linear(2, 3), tmp_path / "enormous")
    os.truncate(folder / "model.safetensors", 2**40)
    refused(folder, "model.safetensors is damaged")


def test_a_lie_about_sizes_is_refused_before_memory_is_taken(tmp_path):
    folder = save(Pair(nn.LSTM(3, 8), nn.Linear(8, 3)), tmp_path / "lies")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    def lie(**changes):
        edit(
            folder, lambda content: content["tree"]["object"]["settings"]["first"]["object"]["settings"].update(changes)
        )
        return refused

    lie(hidden_size=20_000)(folder, r"first\.\w+ has the shape \(32, 3\), and \(80000, 3\) according to its settings")
    lie(hidden_size=10**15)(folder, "first")
    lie(hidden_size=8, num_layers=10**9)(folder, "num_layers is 1000000000, more than 65536")
    lie(num_layers=60_000)(folder, "many more layers")
    lie(num_layers=2)(folder, r"the weights lack first\.bias_hh_l1 \(and 3 more\)")
    lie(num_layers=1, bias=False)(folder, r"the weights hold first\.bias_hh_l0 \(and 1 more\)")
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024 < 100  # MB


def test_a_lie_about_layers_is_refused_before_memory_is_taken(tmp_path):
    encoder = seqae.RecurrentEncoder(seqae.GRU(2, 3, bidirectional=True), 2)
    folder = save(encoder, tmp_path / "lies")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    path = ("tree", "object", "settings", "rnn", "object", "settings")
    edit(folder, lambda content: reduce(dict.get, path, content).update(num_layers=2**21))
    refused(folder, "GRU can't be built.*many more layers")
    edit(folder, lambda content: reduce(dict.get, path, content).update(num_layers=1, hidden_size=10**30))
    refused(folder, "GRU can't be built")  # in one line, other than torch says it
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024 < 100  # MB


def test_numbers_of_another_kind_are_refused(tmp_path):
    folder = save(nn.BatchNorm1d(2), tmp_path / "kinds")
    tensors = {name: tensor.clone() for name, tensor in nn.BatchNorm1d(2).state_dict().items()}
    tensors["num_batches_tracked"] = torch.tensor(0.5)
    files.write(folder, {key: value for key, value in inspect(folder).items() if key != "sha256"}, pack(tensors))
    refused(folder, "num_batches_tracked is made of torch.float32, and of torch.int64")


# How it is written


class Killed(BaseException):
    """Ends a save at once, as a kill would: nothing catches it."""


def kill_at(monkeypatch, step: int) -> None:
    """Let a save live for some steps that touch the disk."""
    steps = iter(range(step))

    def mortal(function):
        def call(*args, **keywords):
            if next(steps, None) is None:
                raise Killed
            return function(*args, **keywords)

        return call

    monkeypatch.setattr(os, "fsync", mortal(os.fsync))
    for name in ("replace", "unlink"):
        monkeypatch.setattr(Path, name, mortal(getattr(Path, name)))


@pytest.mark.parametrize("is_new", [True, False])
def test_a_killed_save_leaves_the_old_or_the_new_one_whole(tmp_path, is_new):
    folder, found = tmp_path / "model", []
    for step in range(100):
        if is_new and folder.exists():
            for path in folder.iterdir():
                path.unlink()
        if not is_new:
            save({"number": 0, "net": nn.Linear(1, 1)}, folder)
        try:
            with pytest.MonkeyPatch.context() as monkeypatch:
                kill_at(monkeypatch, step)
                save({"number": 1, "net": nn.Linear(2, 2)}, folder)
        except Killed:
            pass
        else:
            break
        try:
            loaded = load(folder)
        except FileNotFoundError:
            assert is_new
        else:
            assert loaded["net"].in_features == loaded["number"] + 1
            found.append(loaded["number"])
    assert step > 5 and found == sorted(found) and set(found) == ({1} if is_new else {0, 1})
    assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)  # nothing is left of the killed ones


def test_a_killed_save_after_a_killed_save_leaves_one_of_them_whole(tmp_path):
    folder = tmp_path / "model"
    for first in (5, 6, 7):  # around the moment at which the first takes effect
        for second in range(12):
            save({"number": 0, "net": nn.Linear(1, 1)}, folder)
            for number, step in ((1, first), (2, second)):
                with pytest.MonkeyPatch.context() as monkeypatch, suppress(Killed):
                    kill_at(monkeypatch, step)
                    save({"number": number, "net": nn.Linear(number + 1, 1)}, folder)
            loaded = load(folder)
            assert loaded["net"].in_features == loaded["number"] + 1


def test_weights_that_are_renamed_while_they_are_looked_for_are_found(tmp_path, monkeypatch):
    folder = save(nn.Linear(2, 1), tmp_path / "model")
    weights, staged = folder / "model.safetensors", folder / ".model.safetensors.new"
    weights.rename(staged)
    weights.write_bytes(b"the old ones")
    read = Path.read_bytes

    def read_slowly(path: Path) -> bytes:
        data = read(path)
        if path == weights and staged.exists():
            staged.replace(weights)
        return data

    monkeypatch.setattr(Path, "read_bytes", read_slowly)
    assert load(folder).in_features == 2


def test_other_files_in_the_folder_stay(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "report.html").write_text("mine")
    for number in range(2):
        save(number, folder)
        assert load(folder) == number
    assert sorted(path.name for path in folder.iterdir()) == sorted([*FILES, "report.html"])
    assert (folder / "report.html").read_text() == "mine"


def test_weights_of_others_are_not_overwritten(tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"of another program")
    with pytest.raises(FileExistsError, match="was not written by seqae"):
        save(1, tmp_path)
    assert (tmp_path / "model.safetensors").read_bytes() == b"of another program"
    with pytest.raises(FileExistsError, match=r"model\.safetensors"):
        save(1, tmp_path / "model.safetensors")


@pytest.mark.parametrize("exists", [True, False])
def test_a_full_disk_changes_nothing(tmp_path, exists):
    folder = tmp_path / "model"
    if exists:
        save({"number": 1}, folder)
    before = sorted((path.name, path.read_bytes()) for path in tmp_path.rglob("*") if path.is_file())
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(OSError, match="nothing was saved, nothing replaced") as caught:
            save(nn.Linear(500, 500), folder)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert caught.value.filename == str(folder)
    assert sorted((path.name, path.read_bytes()) for path in tmp_path.rglob("*") if path.is_file()) == before
    assert folder.exists() == exists


def test_the_umask_decides_who_may_read(tmp_path):
    before = os.umask(0o027)
    try:
        folder = save(1, tmp_path / "model")
    finally:
        os.umask(before)
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o640}


def test_links_to_folders_are_followed(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "latest").symlink_to(tmp_path / "real")
    save(5, tmp_path / "latest")
    assert (tmp_path / "latest").is_symlink() and load(tmp_path / "real") == 5


def test_an_artifact_that_is_replaced_between_a_look_at_its_size_and_its_opening_is_the_new_one(tmp_path, monkeypatch):
    path, opened = save({"size": 1, "net": nn.Linear(1, 1)}, tmp_path / "model"), []

    def open_late(name):
        if not opened:
            opened.append(name)
            save({"size": 30, "net": nn.Linear(30, 1)}, path)
        return open_file(name)

    monkeypatch.setattr(files, "open_file", open_late)
    assert load(path)["net"].in_features == 30 and opened == [path / "model.safetensors"]


def test_readers_and_other_writers_never_meet_a_half_artifact(tmp_path):
    folder = save({"size": 1, "net": nn.Linear(1, 1)}, tmp_path / "model")
    failures, done = [], threading.Event()

    def write(seed: int) -> None:
        sizes = random.Random(seed)
        for _ in range(15):
            size = sizes.randint(1, 40)
            save({"size": size, "net": nn.Linear(size, 1)}, folder)

    def attempt(function, *args) -> None:
        try:
            function(*args)
        except BaseException as error:
            failures.append(error)

    def read() -> None:
        while not done.is_set():
            loaded = load(folder)
            assert loaded["net"].in_features == loaded["size"]

    writers = [threading.Thread(target=attempt, args=(write, seed)) for seed in range(2)]
    reader = threading.Thread(target=attempt, args=(read,))
    for thread in [reader, *writers]:
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    reader.join()
    assert failures == []
