"""The baseline of the text autoencoder: principal components of the tokens at their positions."""

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.decomposition import TruncatedSVD
from torch import Tensor


class OneHotComponents:
    """Codes from principal components of one-hot (position, token); rare tokens are one.

    Args:
        code_size: The number of components.
        known: The number of tokens that are told apart, the frequent ones.
    """

    def __init__(self, code_size: int, known: int = 1000):
        self.known = known
        self.components = TruncatedSVD(code_size, n_iter=2, random_state=0)

    def fit(self, texts: list[Tensor]) -> "OneHotComponents":
        """Find the components of texts, `(tokens,)` int64 each, none shorter than those to come."""
        self.max_length = max(map(len, texts))
        self.components.fit(self._one_hot(texts))
        return self

    def encode(self, texts: list[Tensor]) -> np.ndarray:
        """Return the codes, `(texts, code_size)`."""
        return self.components.transform(self._one_hot(texts))

    def decode(self, codes: np.ndarray) -> list[np.ndarray]:
        """Return the likeliest token at each position, `(max_length,)` each."""
        shape = self.max_length, self.known
        return [self.components.inverse_transform(code[None]).reshape(shape).argmax(axis=1) for code in codes]

    def _one_hot(self, texts: list[Tensor]) -> csr_matrix:
        rows = np.repeat(np.arange(len(texts)), [len(tokens) for tokens in texts])
        columns = [np.arange(len(row)) * self.known + row.clamp(max=self.known - 1).numpy() for row in texts]
        shape = len(texts), self.max_length * self.known
        return csr_matrix((np.ones(len(rows), np.float32), (rows, np.concatenate(columns))), shape)
