"""Write sentences from numbers: variational autoencoder for text, one whose code is ignored and one whose is not.

Bowman et al. 2016, https://arxiv.org/abs/1511.06349: a decoder that reads the true words before learns to do without
the code, whose divergence from the prior falls to zero. The cure: the means of the code keep a fixed spread (Zhu et al.
2020, https://arxiv.org/abs/2004.12585), the encoder looks at all of its states and not at the last one only (Long et
al. 2019, https://arxiv.org/abs/1911.03976), and the decoder reads the code wherever it can (Dieng et al. 2019,
https://arxiv.org/abs/1807.04863). Encoder and decoder begin as a trained language model, which stands beside both, also
trained on for as long.

    python recipes/text_variational.py
    python recipes/text_variational.py --data-root folder/with/rt_polarity
    python recipes/text_variational.py --texts sentences.txt
"""

import copy
import os
from pathlib import Path

import numpy as np

from seqae import cli

DATA = "sentences of reviews (rt_polarity, movie_reviews, sentiment_sentences), a file of lines, or made-up ones"
MINUTES = 20
RESULT = "9,600 sentences: 57.9 nats as the language model, 4.3 of them in 16 active numbers; plain: 61.7, 0.05"
SETS = ("rt_polarity", "movie_reviews", "sentiment_sentences")


def main(
    data_root: str = os.environ.get("SEQAE_DATA", ""),
    texts: str = "",
    encoding: str = "utf-8",
    longest: int = 20,
    sentences: int = 12_000,
    vocabulary: int = 4000,
    code_size: int = 16,
    hidden_size: int = 128,
    spread: float = 0.72,
    hidden_words: float = 0.2,
    dropout: float = 0.3,
    epochs: int = 7,
    plain_epochs: int = 3,
    cured_epochs: int = 6,
    learning_rate: float = 4e-3,
    samples: int = 200,
    choosing: bool = False,
    seed: int = 0,
    smoke: bool = False,
    out: Path = Path("runs"),
) -> dict[str, float]:
    """Train a language model and two variational autoencoders, bound the likelihood of test sentences, and write.

    Args:
        data_root: Folder of sets of texts; without it sentences are made up.
        texts: A file of sentences to learn from in their place, one a line (or .csv, .jsonl with a column text).
        encoding: Of the characters of that file.
        longest: Words of a sentence; longer ones are left out.
        sentences: How many are drawn, a twenty-fourth of them to choose settings by, as many for the test.
        vocabulary: Words that are known, the most frequent ones.
        code_size: Numbers in the code of a sentence.
        hidden_size: Of the recurrences.
        spread: Standard deviation of the means of the cured model's code.
        hidden_words: The share of words that decoders and the language model do not see while they train.
        dropout: The share of numbers that is set to zero before words are chosen, of all models.
        epochs: Passes of the language model over the sentences.
        plain_epochs: Of the model whose code will be ignored.
        cured_epochs: Of the other one, which goes on from the language model.
        learning_rate: The highest, of Adam.
        samples: Codes by which the likelihood of a test sentence is bounded.
        choosing: Whether numbers are those of the sentences for choosing settings.
        seed: Of weights, order and draws.
        smoke: Only try whether it runs.
        out: Folder for the results.
    """
    import torch

    import seqae
    from seqae.datasets.sequences import SequenceDataset
    from seqae.modules.encoders import NullEncoder
    from seqae.report import loss_figure, save_figure
    from seqae.report.run import Run
    from seqae.seq2seq.text_autoencoder import TextAutoencoder
    from seqae.text.tokenizers import WordTokenizer
    from seqae.text.vocabulary import Vocabulary

    if smoke:
        data_root, sentences, hidden_size, epochs, plain_epochs, cured_epochs, samples = "", 360, 16, 2, 1, 1, 5
    seqae.configure_runtime()
    settings = dict(data_root=data_root, texts=texts, longest=longest, sentences=sentences, vocabulary=vocabulary)
    settings |= dict(code_size=code_size, hidden_size=hidden_size, spread=spread)
    settings |= dict(
        hidden_words=hidden_words, dropout=dropout, epochs=epochs, plain_epochs=plain_epochs, cured_epochs=cured_epochs
    )
    settings |= dict(learning_rate=learning_rate, samples=samples, choosing=choosing, seed=seed)
    run = Run("text_variational", out, settings)

    found = short_sentences(data_root, texts, encoding, longest, sentences, seed)
    share = len(found) // 24
    words = Vocabulary(WordTokenizer(lower=True), max_size=vocabulary).fit(found[2 * share :])
    test, valid, train = (
        SequenceDataset([words.encode(text) for text in part])
        for part in (found[:share], found[share : 2 * share], found[2 * share :])
    )
    judged = valid if choosing else test
    print(
        f"data   {len(train.lengths)} + {len(valid.lengths)} + {len(test.lengths)} sentences of up to {longest} words, "
        f"{len(words)} words; {100 * np.mean([0 in row for row in test.sequences]):.0f} % of test sentences hold others"
    )

    def variational(decoder, spread: float | None = None):
        encoder = reader(len(words), code_size, hidden_size, spread)
        return seqae.Autoencoder(encoder, decoder, seqae.GaussianCode())

    def decoder():
        return writer(len(words), code_size, hidden_size, hidden_words, dropout)

    losses, results = {}, []

    def learnt(name: str, model, epochs: int, rate: float):
        losses[name] = learn(model, train, valid, epochs, rate, seed)
        results.append({"model": name} | judge(model, judged, samples, seed))
        print("  ".join(f"{key} {value:.4g}" if key != "model" else value for key, value in results[-1].items()))
        return model

    torch.manual_seed(seed)
    speaker = learnt("language model", seqae.Autoencoder(NullEncoder(code_size), decoder()), epochs, learning_rate)
    learnt("the same, trained on", copy.deepcopy(speaker), cured_epochs, learning_rate / 2)
    learnt("VAE, plain", variational(decoder()), plain_epochs, learning_rate)
    model = variational(copy.deepcopy(speaker.decoder), spread)
    read_as(model.encoder.encoder, speaker.decoder)
    learnt("VAE, cured", model, cured_epochs, learning_rate / 2)

    both = TextAutoencoder(words, model, longest + 1, model.decoder.choose)
    chosen = found[:share] if not choosing else found[share : 2 * share]
    show(both, chosen[:12], run.path("written.txt"), seed)
    save_figure(loss_figure(losses), run.path("loss.png"))
    metrics = {f"{line['model']}: {key}": line[key] for line in results for key in list(line)[1:]}
    seqae.save(both, run.path("model"), metrics=metrics)
    run.finish(results, metrics)
    return metrics


def short_sentences(data_root: str, texts: str, encoding: str, longest: int, count: int, seed: int) -> list[str]:
    """Return sentences in random order, each once."""
    from seqae.data.text.files import read_texts
    from seqae.data.text.labelled_sets import read_text_set
    from seqae.data.text.synthetic import synthetic_reviews
    from seqae.text.tokenizers import WordTokenizer

    if texts:
        found = read_texts(texts, encoding)
    elif data_root:
        found = [line for name in SETS for text in read_text_set(name, data_root)[0] for line in text.split("\n")]
    else:
        found = synthetic_reviews(count, seed)[0]
    words, short = WordTokenizer(lower=True), {}
    for place in np.random.default_rng(seed).permutation(len(found)):
        cut = words.split(found[place])
        if 0 < len(cut) <= longest:
            short[words.join(cut)] = None
        if len(short) == count:
            break
    if len(short) < 72:
        raise ValueError(
            f"{len(short)} different sentences of up to {longest} words. Give at least 72, or more --longest"
        )
    return list(short)


def writer(words: int, code_size: int, hidden_size: int, hidden_words: float, dropout: float):
    """Return a new decoder whose every step reads the code and, mostly, the word before."""
    from torch import nn

    import seqae
    from seqae.modules.tokens import Argmax, TiedHead, WordDropout
    from seqae.text.vocabulary import START, UNKNOWN

    embedding = small_embedding(words, hidden_size)
    head = nn.Sequential(nn.Dropout(dropout), TiedHead(embedding, hidden_size + code_size))
    embed = nn.Sequential(WordDropout(hidden_words), embedding)
    recurrence = seqae.LSTM(hidden_size + code_size, hidden_size)
    return seqae.AutoregressiveDecoder(
        code_size, recurrence, head, embed, Argmax(suppress=(UNKNOWN, START)), condition_every_step=True
    )


def reader(words: int, code_size: int, hidden_size: int, spread: float | None):
    """Return a new encoder of means and log-variances: by its last state, or by all of them with a spread."""
    import seqae
    from seqae.modules.pooling import max_over_time
    from seqae.modules.posteriors import BatchNormPosterior

    recurrence, embedding = seqae.LSTM(hidden_size, hidden_size), small_embedding(words, hidden_size)
    if spread is None:
        return seqae.RecurrentEncoder(recurrence, 2 * code_size, embedding)
    return BatchNormPosterior(seqae.RecurrentEncoder(recurrence, 2 * code_size, embedding, max_over_time), spread)


def read_as(encoder, decoder) -> None:
    """Let an encoder begin with the embedding and the recurrence of a decoder, without what reads the code there."""
    encoder.embed.load_state_dict(decoder.embed[1].state_dict())
    weights = decoder.rnn.state_dict()
    size = encoder.rnn.input_size
    encoder.rnn.load_state_dict(
        {name: values[:, :size] if "weight_ih" in name else values for name, values in weights.items()}
    )


def small_embedding(words: int, size: int):
    """Return a new embedding whose vectors are short, as the weights of an output layer should be."""
    from torch import nn

    embedding = nn.Embedding(words, size)
    nn.init.normal_(embedding.weight, std=0.1)
    return embedding


def learn(model, train, valid, epochs: int, learning_rate: float, seed: int) -> list[float]:
    """Train a model, keep the weights with the best held-out bound, and return that of each epoch in nats."""
    import seqae
    from seqae.datasets.loader import DataLoader
    from seqae.datasets.sampler import LengthBucketSampler
    from seqae.training.optimizers import cosine_with_warmup
    from seqae.training.tasks.elbo import ELBO

    task = ELBO(model, seqae.token_cross_entropy, learning_rate=learning_rate, lr_scheduler=cosine_with_warmup)
    loaders = (DataLoader(source, LengthBucketSampler(source.lengths, 32, seed)) for source in (train, valid))
    return seqae.fit(task, *loaders, epochs=epochs, gradient_clip_val=10.0).valid


def judge(model, sentences, samples: int, seed: int) -> dict[str, object]:
    """Return how likely a model holds sentences to be, and what its code says about them.

    Negative log-likelihoods in nats a sentence: of the language model itself, of the others bounded from above by many
    samples, and by one (the evidence bound).
    """
    import torch

    import seqae
    from seqae.evaluation.likelihood import active_units, importance_bound, kl_per_unit

    torch.manual_seed(seed)
    parts = np.array_split(np.argsort(sentences.lengths), -(-len(sentences.lengths) // 20))
    batches = [sentences.batch(part) for part in parts]
    size = sum(parameter.numel() for parameter in model.parameters())
    tokens = sentences.lengths.mean()
    if model.code is None:
        nats = float(np.concatenate([exact(model, batch) for batch in batches]).mean())
        return {
            "parameters": size,
            "nats": nats,
            "perplexity": float(np.exp(nats / tokens)),
            "nats, 1 sample": nats,
            "divergence": 0.0,
            "active units": 0,
        }
    few, many = (
        float(
            np.concatenate(
                [importance_bound(model, batch, count, seqae.token_cross_entropy, 400) for batch in batches]
            ).mean()
        )
        for count in (1, samples)
    )
    said = float(np.concatenate([kl_per_unit(model, batch).sum(axis=1) for batch in batches]).mean())
    active = active_units(seqae.encode(model, sentences.sequences)[:, : model.decoder.code_size])
    return {
        "parameters": size,
        "nats": many,
        "perplexity": float(np.exp(many / tokens)),
        "nats, 1 sample": few,
        "divergence": said,
        "active units": active,
    }


def exact(model, batch) -> np.ndarray:
    """Return the negative log-likelihood of each sentence by a language model in nats, (batch,)."""
    import seqae
    from seqae.inference import evaluating

    with evaluating(model):
        predicted = model(batch, targets=batch).prediction
        errors = batch.with_steps(seqae.token_cross_entropy(predicted.steps, batch.steps))
        return errors.mask_padding().values.sum(dim=1).numpy()


def show(model, texts: list[str], path: Path, seed: int) -> None:
    """Print and keep what a model writes from drawn codes, and on the way from one sentence to another."""
    from seqae._files import write_atomically
    from seqae.generation import interpolate, sample_prior

    codes = model.encode(texts)
    lines = ["From codes drawn by chance:", *model.decode(sample_prior(10, codes.shape[1], seed))]
    lines += ["", "Sentences, and what is written from their codes:"]
    lines += [line for text, written in zip(texts, model.decode(codes)) for line in (text, f"  {written}")]
    for one, other, way in zip(texts[:3], texts[3:6], interpolate(codes[:3], codes[3:6], 6)):
        lines += ["", f"From: {one}", *(f"  {text}" for text in model.decode(way)), f"To: {other}"]
    print("\n".join(lines))
    write_atomically(path, ("\n".join(lines) + "\n").encode())


if __name__ == "__main__":
    cli.run(main)
