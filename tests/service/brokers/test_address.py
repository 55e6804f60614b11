"""Addresses, and who enters."""

from pathlib import Path

import pytest

from seqae.service.brokers.address import Address, access_of, nodes_of


@pytest.mark.parametrize(
    ("url", "hosts", "path", "user"),
    [
        ("mqtt://broker/plant/{machine}/#", (("broker", 1883),), "plant/{machine}/#", ""),
        ("mqtts://joe@broker/rows", (("broker", 8883),), "rows", "joe"),
        ("mqtt://[::1]:1884/rows", (("::1", 1884),), "rows", ""),
        ("mqtt://broker//rows", (("broker", 1883),), "/rows", ""),
        ("kafka://one,two:9094/a,b", (("one", 9092), ("two", 9094)), "a,b", ""),
        ("opc.tcp://plc/path", (("plc", 4840),), "path", ""),
    ],
)
def test_parts(url: str, hosts: tuple, path: str, user: str):
    found = Address.of(url)
    assert (found.hosts, found.path, found.user) == (hosts, path, user)


@pytest.mark.parametrize(
    "url", ["broker", "http://broker/x", "mqtt://", "mqtt://broker:x/rows", "mqtt://a,b/rows", "mqtt:///x"]
)
def test_a_wrong_address_is_refused(url: str):
    with pytest.raises(ValueError, match="Expected"):
        Address.of(url)


def test_a_password_in_an_address_is_refused_and_not_repeated():
    with pytest.raises(ValueError, match="SEQAE_BROKER_PASSWORD") as refused:
        Address.of("mqtt://joe:secret@broker/rows")
    assert "secret" not in str(refused.value)


def test_user_and_password_come_from_the_environment_or_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    files = (None, None, None)
    assert access_of("mqtt://b/rows", None, *files).user == ""
    monkeypatch.setenv("SEQAE_BROKER_PASSWORD", "secret")
    with pytest.raises(ValueError, match="only one of user and password"):
        access_of("mqtt://b/rows", None, *files)
    found = access_of("mqtt://joe@b/rows", None, *files)
    assert (found.user, found.password) == ("joe", "secret") and "secret" not in repr(found)
    (tmp_path / "broker").write_text("ann\nother\n")
    found = access_of("mqtt://b/rows", tmp_path / "broker", *files)
    assert (found.user, found.password) == ("ann", "other")


def test_certificates_are_for_tls(tmp_path: Path):
    (tmp_path / "ca.pem").touch()
    with pytest.raises(ValueError, match="Use mqtts://"):
        access_of("mqtt://b/rows", None, tmp_path / "ca.pem", None, None)
    with pytest.raises(FileNotFoundError, match=r"none\.pem"):
        access_of("mqtts://b/rows", None, tmp_path / "none.pem", None, None)


def test_nodes_are_named_with_their_channels():
    assert nodes_of(["flow [l/s]=ns=2;s=Pump.Flow", "a=i=7"]) == {"flow [l/s]": "ns=2;s=Pump.Flow", "a": "i=7"}
    with pytest.raises(ValueError, match="Expected a channel and its node"):
        nodes_of(["ns=2;s=Pump.Flow"])
