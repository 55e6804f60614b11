"""Self-attention over padded batches of vectors."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from seqae.batch import Batch


class SelfAttentionLayer(nn.Module):
    """Every step reads all steps of its sequence, then passes through a gated network; both are added to it.

    Vaswani et al. 2017, https://arxiv.org/abs/1706.03762, with normalisation before each part (Xiong et al. 2020,
    https://arxiv.org/abs/2002.04745) and a gated linear unit, whose products of features learn what depends on a value
    and its position together (Shazeer 2020, https://arxiv.org/abs/2002.05202).

    Args:
        size: Length of the vector of a step.
        num_heads: Attention heads.
        dropout: Dropout probability of what is added.

    Raises:
        ValueError: `num_heads` does not divide `size`.
    """

    def __init__(self, size: int, num_heads: int = 4, dropout: float = 0.0):
        super().__init__()
        if num_heads < 1 or size % num_heads:
            raise ValueError(f"{num_heads} heads for vectors of {size}. Give a number of heads that divides the size")
        self.size = size
        self.num_heads = num_heads
        self.dropout = dropout
        self.attention_norm = nn.LayerNorm(size)
        self.query_key_value = nn.Linear(size, 3 * size)
        self.attention_output = nn.Linear(size, size)
        self.gated_norm = nn.LayerNorm(size)
        self.gate_and_value = nn.Linear(size, 4 * size)
        self.gated_output = nn.Linear(2 * size, size)

    def forward(self, vectors: Tensor, mask: Tensor | None) -> Tensor:
        """Return vectors `(batch, time, size)`.

        Args:
            vectors: `(batch, time, size)`, finite at the padding, too.
            mask: `(batch, time)` bool, True at steps; None, which is quicker, if there is no padding.
        """
        heads = self.query_key_value(self.attention_norm(vectors)).unflatten(-1, (3, self.num_heads, -1))
        query, key, value = heads.permute(2, 0, 3, 1, 4)
        of_keys = None if mask is None else mask[:, None, None, :]  # the same for all queries: no matrix of them
        read = F.scaled_dot_product_attention(query, key, value, attn_mask=of_keys)
        vectors = vectors + self._drop(self.attention_output(read.transpose(1, 2).flatten(2)))
        gate, passed = self.gate_and_value(self.gated_norm(vectors)).chunk(2, dim=-1)
        return vectors + self._drop(self.gated_output(F.silu(gate) * passed))

    def _drop(self, vectors: Tensor) -> Tensor:
        return F.dropout(vectors, self.dropout, self.training)


class SelfAttention(nn.Module):
    """A stack of self-attention layers; the length stays.

    What the last layer adds is not normalised: an autoencoder that reads amplitudes off it learns far better.

    Args:
        input_size: Length of the vector read at each step.
        size: Length of the vector written at each step.
        num_layers: Number of stacked layers.
        num_heads: Attention heads of a layer.
        dropout: Dropout probability within the layers.
    """

    def __init__(self, input_size: int, size: int, num_layers: int = 2, num_heads: int = 4, dropout: float = 0.0):
        super().__init__()
        self.input_size = input_size
        self.size = size
        self.num_layers = num_layers
        self.num_heads = num_heads
        self.dropout = dropout
        self.project = nn.Linear(input_size, size)
        self.layers = nn.ModuleList(SelfAttentionLayer(size, num_heads, dropout) for _ in range(num_layers))

    @property
    def output_size(self) -> int:
        """Length of the vector written at each step."""
        return self.size

    def forward(self, batch: Batch) -> Batch:
        """Return vectors `(batch, time, output_size)`, given `(batch, time, input_size)`."""
        vectors = self.project(batch.mask_padding().values)
        mask = None if batch.is_unpadded else batch.mask
        for layer in self.layers:
            vectors = layer(vectors, mask)
        return Batch(vectors, batch.lengths)
