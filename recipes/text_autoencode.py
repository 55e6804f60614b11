"""Write sentences as codes and read them back: a delay line that learns to fill in blanks, beside an LSTM autoencoder.

The delay line (White, Lee, Sompolinsky 2004, https://arxiv.org/abs/cond-mat/0402452) keeps a vector for each token at a
place of its own, so that even one whose vectors are drawn at random loses nothing; what it learns is to restore tokens
that were blanked (denoising, Vincent et al. 2010). The LSTM squeezes a sentence through its last state (Sutskever et
al. 2014, https://arxiv.org/abs/1409.3215). Published with 500 numbers, hotel reviews: convolutions reach BLEU-4 .90
(Zhang et al. 2017, https://arxiv.org/abs/1708.04729, log of its authors; GPU hours).

    python recipes/text_autoencode.py --file my_sentences.txt
    python recipes/text_autoencode.py --data-root folder/with/sets

Without data it makes up opinions. The copy test (random strings of 50 letters, 256 numbers) needs none.
"""

import os
import string
from pathlib import Path

import numpy as np

from seqae import cli

DATA = "English sentences of six public sets, or made opinions; random strings"
MINUTES = 30
RESULT = "a delay line, even of random vectors: sentences in 512 numbers, strings in 256, all exact; PCA BLEU-4 0.14"

LETTERS = string.ascii_letters[:50]
SETS = ("rt_polarity", "sms_spam", "sentiment_sentences")
REPLIES = ("taskmaster4_coffee", "chatterbot_corpus")
BLANKED = 0.15  # of the tokens
ARITHMETIC = ("he is a targets.", "she is a targets.", "he likes music.")  # the third, minus the first, plus the second


def main(
    data_root: str = os.environ.get("SEQAE_DATA", ""),
    file: str = "",
    encoding: str = "utf-8",
    code_size: int = 512,
    longest: int = 50,
    pieces: int = 8000,
    hidden_size: int = 256,
    epochs: int = 2,
    lstm_epochs: int = 1,
    learning_rate: float = 1e-2,
    held_out: int = 2000,
    seed: int = 0,
    smoke: bool = False,
    out: Path = Path("runs"),
) -> dict[str, float]:
    """Train both autoencoders, compare them with baselines on sentences that they have not seen, and show examples.

    Args:
        data_root: Folder that holds a folder for each set of sentences; made up if this and `file` are empty.
        file: Your own sentences, one a line, or a .csv or .jsonl file with a column text.
        encoding: Of the characters of `file`.
        code_size: Numbers in the code of a sentence.
        longest: Pieces of words in a sentence; longer ones are left out.
        pieces: Pieces of words to learn.
        hidden_size: Of the recurrences.
        epochs: Passes of the delay line over the sentences.
        lstm_epochs: Passes of the LSTM.
        learning_rate: The highest, of the delay lines; it goes up and then down to nothing. A fifth for the LSTM.
        held_out: Sentences that are only for the test; at most a fifth of them.
        seed: Of weights, order and split.
        smoke: Only try whether it runs, on made opinions.
        out: Folder for the results.
    """
    import torch

    import seqae
    from seqae._files import write_atomically
    from seqae.report import loss_figure, save_figure
    from seqae.report.run import Run
    from seqae.text.vocabulary import BytePairs

    strings = 20_000
    if smoke:
        data_root, file, code_size, longest, pieces, hidden_size, held_out, strings = "", "", 128, 24, 350, 16, 100, 500
    torch.manual_seed(seed)
    seqae.configure_runtime()
    settings = dict(data_root=data_root, file=file, code_size=code_size, longest=longest, pieces=pieces, epochs=epochs)
    run = Run("text_autoencode", out, {**settings, "lstm_epochs": lstm_epochs, "learning_rate": learning_rate})

    sentences = read_sentences(data_root, file, encoding, seed)
    count = min(held_out, len(sentences) // 5)
    vocabulary = BytePairs(pieces).fit(sentences[count:])
    test, learnt = (
        [text for text in part if len(vocabulary.encode(text)) <= longest + 1]
        for part in (sentences[:count], sentences[count:])
    )
    if len(test) < 2 or len(learnt) < 40:
        raise ValueError(
            f"{len(learnt)} sentences to learn from and {len(test)} to test, out of {len(sentences)} different ones. "
            f"Expected 50 of at most {longest} pieces of words. Give more sentences, or a larger longest"
        )
    left_out = len(sentences) - len(learnt) - len(test)
    print(f"data   {len(learnt):,} + {len(test):,} sentences; {left_out} of more than {longest} pieces left out")

    results = copy_test(strings, held_out, learning_rate, seed)
    models = {
        "LSTM": lstm(vocabulary, code_size, longest, hidden_size),
        "delay line, random vectors": delay_line(vocabulary, code_size, longest),
        "delay line, trained": delay_line(vocabulary, code_size, longest, context_size=hidden_size // 2),
    }
    history = {
        "delay line": train(models["delay line, trained"], learnt, epochs, learning_rate, seed, blanked=BLANKED),
        "LSTM": train(models["LSTM"], learnt, lstm_epochs, learning_rate / 5, seed),
    }
    results += compare("sentences", models, learnt, test)
    metrics = {
        f"{line['texts']}, {line['method']}: {key}": line[key]
        for line in results
        for key in list(line)[2:]
        if line[key] is not None
    }
    for name, ending in (("LSTM", "-lstm"), ("delay line, trained", "")):
        seqae.save(models[name], run.path(f"model{ending}"))
        shown = examples(models[name], learnt, test)
        write_atomically(run.path(f"examples{ending}.txt"), shown.encode())
    print(shown)
    save_figure(loss_figure(history), run.path("loss.png"))
    run.finish(results, metrics)
    return metrics


def copy_test(count: int, held_out: int, learning_rate: float, seed: int) -> list[dict[str, object]]:
    """Return lines of the table for random strings, of lengths that were learnt from and of greater ones."""
    from seqae.text.tokenizers import CharacterTokenizer
    from seqae.text.vocabulary import Vocabulary

    learnt = random_strings(count, 1, 40, seed)
    copier = delay_line(Vocabulary(CharacterTokenizer()).fit([LETTERS]), 256, longest=60)
    train(copier, learnt, 3, learning_rate, seed)
    results = []
    for least, most in ((1, 40), (41, 60)):
        test = random_strings(held_out, least, most, seed + least)
        results += compare(f"{least} to {most} letters", {"delay line, trained on 1 to 40": copier}, learnt, test)
    return results


def read_sentences(data_root: str, file: str, encoding: str, seed: int) -> list[str]:
    """Return different sentences in random order."""
    from seqae.data.text.files import read_texts
    from seqae.data.text.labelled_sets import read_text_set
    from seqae.data.text.pair_sets import read_pair_set
    from seqae.data.text.synthetic import synthetic_reviews

    if file:
        texts = read_texts(file, encoding)
    elif data_root:
        texts = [text for name in SETS for text in read_text_set(name, data_root)[0]]
        texts += [text for _, text in read_pair_set("tatoeba_cmn_eng", data_root)]
        texts += [text for name in REPLIES for pair in read_pair_set(name, data_root) for text in pair]
    else:
        texts, _ = synthetic_reviews(4000, seed)
    texts = list(dict.fromkeys(" ".join(text.split()) for text in texts))
    return [texts[number] for number in np.random.default_rng(seed).permutation(len(texts))]


def random_strings(count: int, least: int, most: int, seed: int) -> list[str]:
    """Return strings of equally likely letters."""
    random = np.random.default_rng(seed)
    return ["".join(random.choice(list(LETTERS), size)) for size in random.integers(least, most + 1, count)]


def delay_line(vocabulary, code_size: int, longest: int, context_size: int = 0):
    """Return an autoencoder with a place in the code for each token of the longest text and its end."""
    import torch
    from seqae.modules.delay_line import Context, DelayLineDecoder, DelayLineEncoder
    from torch import nn

    import seqae
    from seqae.modules.tokens import NearestEmbeddingHead
    from seqae.seq2seq.text_autoencoder import TextAutoencoder
    from seqae.text.vocabulary import END

    width = code_size // (longest + 1)
    embedding, context = nn.Embedding(len(vocabulary), width), None
    nn.init.normal_(embedding.weight, std=2.0)  # so far apart that tokens are told from each other from the start
    with torch.no_grad():
        embedding.weight[END] = 0  # where nothing is written, the text ends
    if context_size:
        reader = seqae.GRU(64, context_size, bidirectional=True)
        context = Context(reader, width, nn.Embedding(len(vocabulary), 64))
    encoder = DelayLineEncoder(code_size, width, embedding, context)
    decoder = DelayLineDecoder(code_size, width, NearestEmbeddingHead(embedding))
    return TextAutoencoder(vocabulary, seqae.Autoencoder(encoder, decoder), longest + 1)


def lstm(vocabulary, code_size: int, longest: int, hidden_size: int):
    """Return an autoencoder whose encoder reads in both directions and whose decoder reads what it has written."""
    from torch import nn

    import seqae
    from seqae.modules.tokens import Argmax, TiedHead
    from seqae.seq2seq.text_autoencoder import TextAutoencoder

    half = hidden_size // 2
    embedding = nn.Embedding(len(vocabulary), half)
    nn.init.normal_(embedding.weight, std=half**-0.5)  # it is the output layer, too
    encoder = seqae.RecurrentEncoder(seqae.LSTM(half, half, bidirectional=True), code_size, embedding)
    head = TiedHead(embedding, hidden_size)
    decoder = seqae.AutoregressiveDecoder(code_size, seqae.LSTM(half, hidden_size), head, embedding, Argmax())
    return TextAutoencoder(vocabulary, seqae.Autoencoder(encoder, decoder), longest + 1)


def train(autoencoder, texts: list[str], epochs: int, learning_rate: float, seed: int, blanked: float = 0.0):
    """Train an autoencoder to write what it has read, with a share of the tokens blanked; return the losses."""
    import seqae
    from seqae.datasets.loader import DataLoader
    from seqae.datasets.sampler import LengthBucketSampler
    from seqae.datasets.sequences import SequenceDataset
    from seqae.training.optimizers import cosine_with_warmup
    from seqae.transforms.corruptions import MaskTokens

    sequences = SequenceDataset(autoencoder.tokens(texts))
    damage = MaskTokens(blanked) if blanked else None
    task = seqae.Reconstruction(
        autoencoder.model,
        seqae.token_cross_entropy,
        damage,
        learning_rate=learning_rate,
        seed=seed,
        lr_scheduler=cosine_with_warmup,
    )
    loader = DataLoader(sequences, LengthBucketSampler(sequences.lengths, 64, seed))
    return seqae.fit(task, loader, epochs=epochs).train


def compare(texts: str, models: dict, learnt: list[str], test: list[str]) -> list[dict[str, object]]:
    """Return a line of the table for each baseline and model."""
    from seqae.text.metrics import bleu, exact_match, token_accuracy

    model = next(iter(models.values()))
    vocabulary, size = model.vocabulary, model.encode(test[:1]).shape[1]
    tokens, truths = model.tokens(learnt), [tokens[:-1].tolist() for tokens in model.tokens(test)]
    short = [number for number, truth in enumerate(truths) if len(truth) <= 10]
    common = int(np.bincount(np.concatenate(tokens))[3:].argmax()) + 3
    written = {
        "most frequent token": ([[common] * len(truth) for truth in truths], None),
        f"PCA of places, {size} numbers": (principal_components(tokens, model.tokens(test), size, 1000), None),
    }
    for name, model in models.items():
        written[f"{name}, {size} numbers"] = (model.generate(model.encode(test)), restored(model, test))
    lines = []
    for method, (found, share) in written.items():
        found = [list(map(int, text)) for text in found]
        line = {"texts": texts, "method": method, "token accuracy": token_accuracy(found, truths)}
        line["exact"] = exact_match(found, truths)
        line["exact, to 10 tokens"] = (
            exact_match([found[number] for number in short], [truths[number] for number in short]) if short else None
        )
        decoded = [vocabulary.decode(text) for text in found]
        line["BLEU-4"] = bleu(decoded, test) if any(" " in text for text in test) else None  # of words
        lines.append({**line, "blanks restored": share})
    return lines


def principal_components(learnt, test, size: int, most: int) -> list[list[int]]:
    """Return texts as they come back from components of the table (text, place and token), frequent tokens only."""
    from scipy.sparse import csr_matrix
    from sklearn.decomposition import TruncatedSVD

    places = max(map(len, [*learnt, *test]))
    most = min(most, 1 + max(int(tokens.max()) for tokens in learnt))

    def marks(texts) -> csr_matrix:
        rows = np.repeat(np.arange(len(texts)), [len(tokens) for tokens in texts])
        columns = np.concatenate([np.arange(len(row)) * most + np.minimum(row.numpy(), most - 1) for row in texts])
        return csr_matrix((np.ones(len(rows), np.float32), (rows, columns)), (len(texts), places * most))

    components = TruncatedSVD(size, n_iter=2, random_state=0).fit(marks(learnt))
    codes = components.transform(marks(test))
    found = []
    for part in np.array_split(codes, -(-len(codes) // 200)):
        tokens = components.inverse_transform(part).reshape(len(part), places, most).argmax(axis=2)
        found += [row[: int(np.argmax(row == 2)) if (row == 2).any() else places].tolist() for row in tokens]
    return found


def restored(autoencoder, texts: list[str]) -> float:
    """Return the share of blanked tokens that come back in their place."""
    import torch

    import seqae
    from seqae.batch import Batch
    from seqae.transforms.corruptions import MaskTokens

    batch = Batch.of(autoencoder.tokens(texts))
    damaged = MaskTokens(BLANKED)(batch, torch.Generator().manual_seed(0))
    written = autoencoder.generate(seqae.encode(autoencoder.model, damaged.unpad()))
    right = [
        place < len(text) and int(text[place]) == int(truth[place])
        for text, truth, read in zip(written, batch.unpad(), damaged.unpad())
        for place in (read != truth).nonzero().flatten().tolist()
    ]
    return float(np.mean(right)) if right else 0.0


def examples(autoencoder, learnt: list[str], test: list[str]) -> str:
    """Return nearest sentences, sentences between two others, and what codes make of a sum, as lines."""
    from seqae.retrieval import FloatIndex

    queries, codes = autoencoder.encode(test[:5]), autoencoder.encode(learnt)
    lines = ["Nearest in code:"]
    for query, numbers in zip(test, FloatIndex(codes).search(queries, 3).numbers):
        lines += [f"  {query}", *(f"      {learnt[number]}" for number in numbers)]
    lines.append("Between two codes:")
    middle = sorted(test[:40], key=lambda text: len(autoencoder.vocabulary.encode(text)))[len(test[:40]) // 2 :]
    first, last = autoencoder.encode(middle[:2])
    steps = np.linspace(0, 1, 6)[:, None]
    lines += [f"  {text}" for text in autoencoder.decode((1 - steps) * first + steps * last)]
    minus, plus, base = autoencoder.encode(ARITHMETIC)
    lines.append(f"{ARITHMETIC[2]!r} - {ARITHMETIC[0]!r} + {ARITHMETIC[1]!r}:")
    return "\n".join([*lines, f"  {autoencoder.decode((base - minus + plus)[None])[0]}", ""])


if __name__ == "__main__":
    cli.run(main)
