"""Import every module of seqae in an environment without extras: each imports or names the extra that it needs.

Run as a script in an environment that holds the core alone; `test_imports.py` does the same with the extras hidden.
"""

import importlib
import pkgutil
import sys

EXTRAS = ["pyarrow", "matplotlib", "bokeh", "jinja2", "sklearn", "torchvision", "torchaudio", "soundfile", "av", "onnx"]


class Hidden:
    """Makes packages look as if they were not installed."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name.partition(".")[0] in EXTRAS:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def main() -> None:
    sys.meta_path.insert(0, Hidden())
    import seqae

    names = [module.name for module in pkgutil.walk_packages(seqae.__path__, "seqae.") if "._" not in module.name]
    needing = []
    for name in names:
        if name.endswith("__main__"):
            continue
        try:
            importlib.import_module(name)
        except seqae.MissingExtra as error:
            assert "pip install 'seqae[" in str(error), f"{name}: {error}"
            needing.append(name)
    print(f"{len(names)} modules import without extras; {len(needing)} name the extra they need: {', '.join(needing)}")


if __name__ == "__main__":
    main()
