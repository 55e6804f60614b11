"""A recipe's script, read without running it: that takes no torch."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import os
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, Unpack

from seqae.data.signals.options import ReadingKeywords


@dataclass(frozen=True)
class Recipe:
    """A recipe: `NAME.py`, or `NAME/NAME.py` with what only it needs beside it.

    Attributes:
        script: The file that holds its `main`.
    """

    script: Path

    @property
    def name(self) -> str:
        """The name of the script, without its ending."""
        return self.script.stem

    @property
    def files(self) -> list[Path]:
        """All files of Python that the recipe needs."""
        is_folder = self.script.parent.name == self.script.stem
        return sorted(self.script.parent.glob("*.py")) if is_folder else [self.script]

    @cached_property
    def docstring(self) -> str:
        """The docstring of the script."""
        return ast.get_docstring(self._tree) or ""

    @property
    def task(self) -> str:
        """The first line of the docstring."""
        return self.docstring.partition("\n")[0]

    @cached_property
    def constants(self) -> dict[str, Any]:
        """The constants at the top level of the script that are literals."""
        found = {}
        for statement in self._tree.body:
            match statement:
                case (
                    ast.Assign(targets=[ast.Name(id=name)], value=value)
                    | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
                ):
                    try:
                        found[name] = ast.literal_eval(value)
                    except ValueError:
                        continue
        return found

    def main(self) -> tuple[inspect.Signature, str]:
        """Return the signature and the docstring of its `main`.

        Types and defaults may use literals, constants of the script, `Path`, `Literal` and `os`. If they use anything
        else, the script is imported.

        Raises:
            ValueError: The script has no `main`.
        """
        for statement in self._tree.body:
            if isinstance(statement, ast.FunctionDef) and statement.name == "main":
                try:
                    return self._signature(statement), ast.get_docstring(statement) or ""
                except Exception:  # whatever an expression raises without the imports that it needs
                    main = load_script(self.script).main
                    return inspect.signature(main, eval_str=True), inspect.getdoc(main) or ""
        raise ValueError(f"no function main ({self.script}). A recipe is run by calling it: add one")

    @cached_property
    def _tree(self) -> ast.Module:
        return ast.parse(self.script.read_text(encoding="utf-8"))

    def _signature(self, main: ast.FunctionDef) -> inspect.Signature:
        names = {"Path": Path, "Literal": Literal, "os": os, "Unpack": Unpack, **self.constants}
        names["ReadingKeywords"] = ReadingKeywords
        arguments = main.args
        if arguments.posonlyargs or arguments.vararg:
            raise ValueError(f"main takes other parameters than named ones ({self.script})")
        defaults = [None] * (len(arguments.args) - len(arguments.defaults)) + arguments.defaults
        positional = zip(arguments.args, defaults)
        keyword = zip(arguments.kwonlyargs, arguments.kw_defaults)
        rest = [] if arguments.kwarg is None else [(arguments.kwarg, None)]
        return inspect.Signature(
            [
                inspect.Parameter(
                    argument.arg,
                    kind,
                    annotation=_type(argument.annotation, names),
                    default=_value(default, names),
                )
                for kind, pairs in (
                    (inspect.Parameter.POSITIONAL_OR_KEYWORD, positional),
                    (inspect.Parameter.KEYWORD_ONLY, keyword),
                    (inspect.Parameter.VAR_KEYWORD, rest),
                )
                for argument, default in pairs
            ]
        )


def load_script(script: Path) -> ModuleType:
    """Import a recipe's script; it finds the files in its own folder, as if it had been started there."""
    spec = importlib.util.spec_from_file_location(f"seqae._recipes.{script.stem}", script)
    assert spec is not None and spec.loader is not None, script
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    sys.path.insert(0, str(script.parent))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(script.parent))
    return module


def _type(node: ast.expr | None, names: dict[str, Any]) -> Any:
    """Return the type that an annotation names, quoted or not."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        node = ast.parse(node.value, mode="eval").body
    return _value(node, names)


def _value(node: ast.expr | None, names: dict[str, Any]) -> Any:
    """Return the value of an expression; `Parameter.empty` if there is none."""
    if node is None:
        return inspect.Parameter.empty
    return eval(compile(ast.Expression(node), "<recipe>", "eval"), dict(names))
