"""Whether an object works: asked of each one that is saved or loaded, of itself."""

from __future__ import annotations

from collections.abc import Mapping


def check_soundness(objects: Mapping[str, object]) -> None:
    """Ask every object that can tell, by a method of the name `check_soundness`, whether it works.

    Args:
        objects: The objects by their path.

    Raises:
        ValueError: One does not; names its path, and what it says of itself.
    """
    for path, obj in objects.items():
        check = getattr(type(obj), "check_soundness", None)
        if check is None:
            continue
        try:
            check(obj)
        except Exception as error:  # whatever a part that is no number or of another type leads to
            what = f"{path}: {type(obj).__name__}" if path else type(obj).__name__
            why = str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
            raise ValueError(f"{what} does not work: {why}".partition("\n")[0]) from error
