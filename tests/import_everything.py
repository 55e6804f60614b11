"""Import every module of seqae: each imports, or names the extra that it needs, and none changes torch's threads.

CI runs this script in an environment that holds the core alone.
"""

import importlib
import pkgutil


def main() -> None:
    import torch

    import seqae

    threads = torch.get_num_threads()
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
    assert torch.get_num_threads() == threads, "importing seqae changed how many threads torch computes with"
    print(f"{len(names)} modules import without extras; {len(needing)} name the extra they need: {', '.join(needing)}")


if __name__ == "__main__":
    main()
