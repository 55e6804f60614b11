"""The example of a deployment: its files are what they are said to be, and ask for numbers that exist."""

from __future__ import annotations

import configparser
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import seqae
from generators import machine
from mosquitto import free_port
from seqae.cli.listen import listen
from seqae.cli.recipes import folder as recipes_folder
from seqae.cli.signature import parse
from seqae.service.brokers.metrics import ListenerMetrics
from seqae.service.rejections import Rejection
from seqae.service.row_block import RowBlock
from seqae.service.watch import Watch
from seqae.service.watch_update import WatchUpdate

FOLDER = recipes_folder() / "deployment"
ROOT = recipes_folder().parent


def read(name: str) -> Any:
    text = (FOLDER / name).read_text(encoding="utf-8")
    return json.loads(text) if name.endswith(".json") else yaml.safe_load(text)


@pytest.fixture(scope="module")
def exported() -> set[str]:
    """The names of the numbers that a listener shows, and those of requests, which only a server has."""
    watch = Watch(seqae.AnomalyDetector(epochs=0).fit(machine(600, seed=0)))
    frame = machine(60, seed=1)
    with ListenerMetrics("pump", watch, f"127.0.0.1:{free_port()}") as metrics:
        metrics.observe(watch.take(RowBlock(frame.iloc[:, 1:].to_numpy(), frame["time"].to_numpy(), "m")))
        metrics.observe(WatchUpdate("m", rejections=(Rejection("format", "no row"),)))
        names = {sample.name for family in metrics.watched.registry.collect() for sample in family.samples}
    return names | {"seqae_request_seconds_bucket"}


def queries() -> list[str]:
    dashboard = read("grafana/dashboards/seqae.json")
    asked = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    asked += [variable["query"]["query"] for variable in dashboard["templating"]["list"]]
    return asked + [rule["expr"] for group in read("alerts.yml")["groups"] for rule in group["rules"]]


def test_dashboard_and_alerts_ask_for_numbers_that_exist(exported: set[str]):
    asked = {name for query in queries() for name in re.findall(r"\bseqae_\w+", query)}
    assert len(asked) >= 7 and asked <= exported


def test_panels_do_not_overlap_and_have_numbers_of_their_own():
    panels = read("grafana/dashboards/seqae.json")["panels"]
    cells = [
        (x, y)
        for panel in panels
        for place in [panel["gridPos"]]
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(cells) == len(set(cells)) and max(x for x, _ in cells) < 24
    assert len({panel["id"] for panel in panels}) == len(panels)


def test_services_are_pinned_and_have_no_rights_that_they_do_not_need():
    compose = read("compose.yaml")
    for name, service in compose["services"].items():
        assert re.search(r":v?\d+\.\d+\.\d+$|^seqae:local$", service["image"]), name
        if name != "passwords":  # which runs once, to make a file
            assert service["cap_drop"] == ["ALL"] and service["security_opt"] == ["no-new-privileges:true"], name
    for name in ("listen", "serve"):
        assert compose["services"][name]["read_only"]
    assert all(
        re.fullmatch(r"python:\d+\.\d+\.\d+-slim-\w+", image) for image in re.findall("^FROM (\\S+)", docker(), re.M)
    )
    assert re.search(r"^USER \d+:\d+$", docker(), re.MULTILINE)


def docker() -> str:
    return (FOLDER / "Dockerfile").read_text(encoding="utf-8")


def unit(name: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment]
    parser.read(FOLDER / name, encoding="utf-8")
    return parser


def test_commands_are_understood_as_they_stand():
    import inspect

    signature = inspect.signature(listen, eval_str=True)
    words = read("compose.yaml")["services"]["listen"]["command"]
    started = unit("seqae-listen.service")["Service"]["ExecStart"].split()[1:]
    for command, *rest in (words, started):
        assert command == "listen"
        bound = parse(signature, inspect.getdoc(listen) or "", rest, prog="seqae listen", about="", config=False)
        assert bound.arguments["state"] and bound.arguments["credentials"] and bound.arguments["metrics"]


@pytest.mark.parametrize("name", ["seqae-listen.service", "seqae-serve.service"])
def test_units_write_nothing_but_their_state(name: str):
    service = unit(name)["Service"]
    assert service["DynamicUser"] == "yes" and service["ProtectSystem"] == "strict" and service["StateDirectory"]
    assert service["CapabilityBoundingSet"] == ""


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("promtool", ["check", "rules", "alerts.yml"]),
        ("docker-compose", ["-f", "compose.yaml", "config", "-q"]),
        ("systemd-analyze", ["verify", "./seqae-listen.service", "./seqae-serve.service"]),
    ],
)
def test_programs_that_read_them_find_nothing_wrong(program: str, words: list[str], tmp_path: Path):
    if shutil.which(program) is None:
        pytest.skip(f"no {program}, which checks these files")
    copy = shutil.copytree(FOLDER, tmp_path / "deployment")
    (copy / "secrets").mkdir()
    for name in read("compose.yaml")["secrets"]:
        (copy / "secrets" / name).touch()
    done = subprocess.run([program, *words], cwd=copy, capture_output=True, text=True, timeout=300)
    told = [line for line in (done.stdout + done.stderr).splitlines() if "No such file or directory" not in line]
    assert done.returncode == 0 or (program == "systemd-analyze" and told == []), (
        told
    )  # seqae is in /opt on no machine here


@pytest.mark.parametrize(
    ("lock", "extras"), [(".ci/requirements.lock", ("dev",)), ("recipes/deployment/requirements.lock", ("listen",))]
)
def test_lock_files_have_what_pyproject_asks_for(lock: str, extras: tuple[str, ...]):
    if not (ROOT / "pyproject.toml").is_file():
        pytest.skip("an installed package, without pyproject.toml")
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked, open_ = list(project["dependencies"]), list(extras)
    while open_:
        for text in project["optional-dependencies"][open_.pop()]:
            requirement = Requirement(text)
            if requirement.name == "seqae":
                open_ += requirement.extras
            else:
                asked.append(text)
    text = (ROOT / lock).read_text(encoding="utf-8")
    locked: dict[str, list[str]] = {}
    for name, version in re.findall(r"^([a-z0-9.-]+)(?:\[.*\])?==([^ ;\\]+)", text, re.MULTILINE):
        locked.setdefault(canonicalize_name(name), []).append(version)
    needed = [Requirement(each) for each in asked]
    absent = [
        str(each)
        for each in needed
        if not any(each.specifier.contains(version) for version in locked.get(canonicalize_name(each.name), []))
        and not (each.name == "torch" and lock.startswith("recipes"))
    ]
    assert absent == [], "run .ci/lock"
    assert text.count("--hash=sha256:") > len(locked)
