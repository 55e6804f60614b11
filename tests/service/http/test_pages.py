"""The pages and the description of the interface."""

from __future__ import annotations

import re

import pytest

from seqae._version import __version__
from seqae.service.http.application import ROUTES
from seqae.service.http.openapi import interface_document
from seqae.service.http.query import KINDS

PAGES = {"/", "/docs", "/openapi.json", "/assets/{name}"}


def references(node: object) -> list[str]:
    if isinstance(node, dict):
        return [node["$ref"]] if "$ref" in node else [each for value in node.values() for each in references(value)]
    return [each for value in node for each in references(value)] if isinstance(node, list) else []


def test_the_description_names_every_path_and_method_and_nothing_else():
    document = interface_document()
    answered = {
        (route.path.replace(":path}", "}"), method.lower())
        for route in ROUTES
        for method in getattr(route, "methods", {"GET"}) - {"HEAD"}
    }
    described = {(path, method) for path, methods in document["paths"].items() for method in methods}
    assert described == {each for each in answered if each[0] not in PAGES}
    assert document["info"]["version"] == __version__


def test_every_reference_leads_somewhere_and_every_reading_option_is_described():
    document = interface_document()
    for reference in references(document["paths"]):
        _, section, kind, name = reference.split("/")
        assert name in document[section][kind], reference
    parameters = document["components"]["parameters"]
    assert set(KINDS) <= set(parameters) and all(each["description"] for each in parameters.values())


def test_placeholders_in_paths_are_parameters_of_their_methods():
    for path, methods in interface_document()["paths"].items():
        for operation in methods.values():
            named = {each.get("$ref", "").rpartition("/")[2] for each in operation.get("parameters", [])}
            assert set(re.findall(r"{(\w+)}", path)) <= named, path


@pytest.mark.parametrize("path", ["/", "/docs", "/assets/pages.css", "/assets/live.js"])
def test_pages_need_nothing_but_the_server(served, detector, path):
    answer = served({"pump": detector}).get(path)
    assert answer.status_code == 200
    assert not re.findall(r"""(?:src|href)=["']?(?:https?:)?//""", answer.text)
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_an_asset_of_no_page_is_not_found(served, detector):
    client = served({"pump": detector})
    for name in ("live.html", "..%2Fserver.py", "x"):
        assert client.get(f"/assets/{name}").status_code == 404
