"""Baselines that need no network."""

from __future__ import annotations

from typing import Literal, overload

import numpy as np


@overload
def pca_reconstruction(
    train: np.ndarray, test: np.ndarray, n_components: int, *, return_codes: Literal[False] = False
) -> np.ndarray: ...


@overload
def pca_reconstruction(
    train: np.ndarray, test: np.ndarray, n_components: int, *, return_codes: Literal[True]
) -> tuple[np.ndarray, np.ndarray]: ...


def pca_reconstruction(
    train: np.ndarray, test: np.ndarray, n_components: int, *, return_codes: bool = False
) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
    """Return test items as the principal components of the training items reconstruct them.

    The best linear autoencoder for the squared error (Baldi & Hornik 1989,
    https://doi.org/10.1016/0893-6080(89)90014-2): scikit-learn's PCA with a full singular value decomposition.

    Args:
        train: Items of any shape, to fit the mean and the components, `(items, ...)`.
        test: Items to be reconstructed, `(items, ...)`, of the same values in the same order, flat or not.
        n_components: The number of components, which is the size of a code.
        return_codes: Whether to return the codes of the test items, too.

    Returns:
        The reconstruction, of the shape of `test`; with `return_codes` a pair of it and the codes
        `(items, n_components)`.

    Raises:
        ValueError: Items of `train` and `test` have not as many values, or there are fewer values in an item or fewer
            training items than components.

    Examples:
        >>> import numpy as np
        >>> train = np.outer([1.0, 2.0, 3.0, 4.0], [1.0, 1.0])  # on a line
        >>> pca_reconstruction(train, np.array([[3.0, 1.0]]), n_components=1)
        array([[2., 2.]])
    """
    from sklearn.decomposition import PCA

    rows, others = (items.reshape(len(items), -1) for items in (train, test))
    if rows.shape[1] != others.shape[1]:
        raise ValueError(f"training items of shape {train.shape[1:]}, test items of {test.shape[1:]}. Give one shape")
    if not 1 <= n_components <= min(rows.shape):
        raise ValueError(
            f"{n_components} components of {len(rows)} items of {rows.shape[1]} values. Ask for 1 to {min(rows.shape)}"
        )
    components = PCA(n_components, svd_solver="full").fit(rows)
    codes = components.transform(others)
    reconstruction = components.inverse_transform(codes).reshape(test.shape)
    return (reconstruction, codes) if return_codes else reconstruction
