"""Write sentences from codes by a variational autoencoder; it predicts them hardly better than a language model.

Bowman et al. 2016, https://arxiv.org/abs/1511.06349: a decoder that reads the previous words learns to ignore the code
(posterior collapse). Against it, the means of the code keep their standard deviation (Zhu et al. 2020,
https://arxiv.org/abs/2004.12585) and every step reads the code (Dieng et al. 2019, https://arxiv.org/abs/1807.04863).

    python recipes/text_variational/text_variational.py --data-root folder/with/rt_polarity
    python recipes/text_variational/text_variational.py --file sentences.txt
"""

import copy
import os
from pathlib import Path

import numpy as np
import torch
from sentence_likelihood import judge
from torch import nn

import seqae
from seqae import cli
from seqae.data import read_text_set, read_texts, synthetic_reviews
from seqae.generation import interpolate
from seqae.modules import Argmax, BatchNormPosterior, NullEncoder, TiedHead, WordDropout, max_over_time

DATA = "sentences of reviews (rt_polarity, movie_reviews, sentiment_sentences), your own, or synthetic ones"
QUICK = {"data_root": "", "count": 2400, "hidden_size": 64, "epochs": (3, 2)}
CHOICE = Argmax(suppress=(0, 1))  # never the tokens of unknown words and of the start


def build_decoder(
    embedding: nn.Embedding, code_size: int, hidden: float, dropout: float
) -> seqae.AutoregressiveDecoder:
    """Return an LSTM that at every step reads the code and the word before, which training hides now and then."""
    size = embedding.embedding_dim
    embed = nn.Sequential(WordDropout(hidden), embedding)
    head = nn.Sequential(nn.Dropout(dropout), TiedHead(embedding, size + code_size))
    rnn = seqae.LSTM(size + code_size, size)
    return seqae.AutoregressiveDecoder(code_size, rnn, head, embed, CHOICE, condition_every_step=True)


def build_encoder(embedding: nn.Embedding, decoder: seqae.AutoregressiveDecoder, std: float) -> BatchNormPosterior:
    """Return an encoder of means and log-variances that starts as the decoder, without the layers that read codes."""
    size, rnn = embedding.embedding_dim, seqae.LSTM(embedding.embedding_dim, embedding.embedding_dim)
    weights = decoder.rnn.state_dict()
    rnn.load_state_dict({name: value[:, :size] if "weight_ih" in name else value for name, value in weights.items()})
    encoder = seqae.RecurrentEncoder(rnn, 2 * decoder.code_size, copy.deepcopy(embedding), max_over_time)
    return BatchNormPosterior(encoder, std)


def main(
    data_root: str = os.environ.get("SEQAE_DATA", ""),
    file: str = "",
    encoding: str = "utf-8",
    max_length: int = 20,
    count: int = 12_000,
    vocabulary_size: int = 4000,
    code_size: int = 16,
    hidden_size: int = 128,
    posterior_std: float = 0.72,
    word_dropout: float = 0.2,
    dropout: float = 0.3,
    epochs: tuple[int, int] = (7, 6),
    learning_rate: float = 4e-3,
    seed: int = 0,
    smoke: bool = False,
    out: Path = Path("runs"),
) -> dict[str, float]:
    """Train a language model and a variational autoencoder, bound the likelihood of test sentences, and write some.

    Args:
        data_root: Folder of sets of texts; without it sentences are synthetic.
        file: Your own sentences, one on a line, or a .csv or .jsonl file with a column text.
        encoding: Encoding of that file.
        max_length: Words of a sentence; longer ones are left out.
        count: Sentences to draw; a twenty-fourth of them for validation, and as many for the test.
        vocabulary_size: Words that are known, the most frequent ones.
        code_size: Dimensions of the code of a sentence.
        hidden_size: Units of the LSTMs.
        posterior_std: Standard deviation of the means of the code over sentences.
        word_dropout: Probability with which training hides a word before from the decoder.
        dropout: Probability with which training drops a value before the output layer.
        epochs: Passes of the language model over the sentences, and of both models that go on from it.
        learning_rate: The highest learning rate of the language model; half of it afterwards.
        seed: Seed of the sentences, the weights and the order of batches.
        smoke: Only try whether it runs, on synthetic sentences.
        out: Folder for the results.
    """
    if smoke:
        data_root, file, count, hidden_size, epochs = "", "", 360, 16, (2, 1)
    run = seqae.Run(main, locals())
    seqae.configure_runtime()
    torch.manual_seed(seed)
    sentences = read(data_root, file, encoding, max_length, count, seed)
    part = len(sentences) // 24
    words = seqae.Vocabulary(seqae.WordTokenizer(lower=True), vocabulary_size).fit(sentences[2 * part :])
    tokens = [words.encode(text) for text in sentences]
    test, valid, train = map(seqae.SequenceDataset, (tokens[:part], tokens[part : 2 * part], tokens[2 * part :]))
    print(f"data   {len(train.lengths)} + {part} + {part} sentences of up to {max_length} words, {len(words)} words")

    def train_on(model: seqae.Autoencoder, epochs: int, learning_rate: float) -> list[float]:
        loss, schedule = seqae.token_cross_entropy, seqae.cosine_with_warmup
        task = seqae.ELBO(model, loss, learning_rate=learning_rate, lr_scheduler=schedule)
        loaders = (seqae.make_loader(dataset, 32, seed) for dataset in (train, valid))
        return seqae.fit(task, *loaders, epochs=epochs, gradient_clip_val=10.0).valid

    embedding = nn.Embedding.from_pretrained(0.1 * torch.randn(len(words), hidden_size), freeze=False)
    decoder = build_decoder(embedding, code_size, word_dropout, dropout)
    speaker = seqae.Autoencoder(NullEncoder(code_size), decoder)
    losses = {"language model": train_on(speaker, epochs[0], learning_rate)}
    encoder, writer = build_encoder(embedding, decoder, posterior_std), copy.deepcopy(decoder)
    model = seqae.Autoencoder(encoder, writer, seqae.GaussianCode())
    models = {"language model, continued": speaker, "variational autoencoder": model}  # both for as long
    losses |= {name: train_on(each, epochs[1], learning_rate / 2) for name, each in models.items()}

    scores = {name: judge(each, test, seed) for name, each in models.items()}
    metrics = {f"{name}: {key}": value for name, line in scores.items() for key, value in line.items()}
    autoencoder = seqae.SequenceAutoencoder(model, vocabulary=words, epochs=0, validation_fraction=0.0)
    autoencoder.fit(sentences[2 * part :])  # it is trained: this takes the lengths and the codes of the sentences
    run.write_text("written.txt", examples(autoencoder, sentences[:2], seed))
    seqae.save_figure(seqae.loss_figure(losses), run.path("loss.png"))
    seqae.save(autoencoder, run.path("model"), metrics=metrics)
    run.finish([{"model": name, **line} for name, line in scores.items()], metrics)
    return metrics


def read(data_root: str, file: str, encoding: str, max_length: int, count: int, seed: int) -> list[str]:
    """Return different sentences of up to so many words, in random order."""
    if file:
        found = read_texts(file, encoding)
    elif data_root:
        sets = (read_text_set(name, data_root)[0] for name in ("rt_polarity", "movie_reviews", "sentiment_sentences"))
        found = [line for texts in sets for text in texts for line in text.split("\n")]
    else:
        found = synthetic_reviews(count, seed)[0]
    tokenizer, order = seqae.WordTokenizer(lower=True), np.random.default_rng(seed).permutation(len(found))
    split = (tokenizer.split(found[index]) for index in order)
    return list(dict.fromkeys(tokenizer.join(words) for words in split if 0 < len(words) <= max_length))[:count]


def examples(autoencoder: seqae.SequenceAutoencoder, texts: list[str], seed: int) -> str:
    """Return sentences written from random codes, and on the way from one of two sentences to the other."""
    ends = autoencoder.encode(texts)
    between = autoencoder.decode(interpolate(ends[:1], ends[1:], 8)[0])
    random = autoencoder.generate(10, seed)
    return "\n".join(["From random codes:", *random, "", f"From: {texts[0]}", *between, f"To: {texts[1]}", ""])


if __name__ == "__main__":
    cli.run(main)
