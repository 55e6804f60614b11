"""Official sets of labelled texts, read from a folder that holds a folder for each.

rt_polarity: Pang & Lee 2005, https://aclanthology.org/P05-1015. movie_reviews: Pang & Lee 2004,
https://aclanthology.org/P04-1035. sms_spam: Almeida, Gomez Hidalgo, Yamakami 2011,
https://doi.org/10.1145/2034691.2034742. sentiment_sentences: Kotzias et al. 2015,
https://doi.org/10.1145/2783258.2783380.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from seqae.data._files.archives import member_of, opened_zip
from seqae.data.text.files import decoded, read_characters

LabelledTexts = tuple[list[str], list[str]]


def read_text_set(name: str, data_root: str | Path) -> LabelledTexts:
    """Return the texts of a set and their labels, in the order of its files.

    Args:
        name: The data set: rt_polarity, movie_reviews (whole reviews), sms_spam, sentiment_sentences.
        data_root: The folder that holds the folder `name` with the files as they are published: `rt-polarity.neg` and
            `rt-polarity.pos`, `movie_reviews.zip`, `SMSSpamCollection`, or `amazon_cells_labelled.txt`,
            `imdb_labelled.txt` and `yelp_labelled.txt`.

    Raises:
        FileNotFoundError: A file is not there; the message names its source.
        ValueError: There is no such set, or a file is damaged.
    """
    if name not in TEXT_SETS:
        raise ValueError(f"no set of texts {name!r}. Expected one of {', '.join(TEXT_SETS)}")
    read, address = TEXT_SETS[name]
    folder = Path(data_root) / name
    try:
        return read(folder)
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"no {name} in {str(data_root)!r} ({error}). Put the files of {address} there"
        ) from None


def _rt_polarity(folder: Path) -> LabelledTexts:
    parts = {label: _lines(folder / f"rt-polarity.{label[:3]}") for label in ("negative", "positive")}
    return _together(parts)


def _movie_reviews(folder: Path) -> LabelledTexts:
    path = folder / "movie_reviews.zip"
    with opened_zip(path) as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".txt") and "/cv" in name)
        texts = {name: decoded(member_of(archive, name), f"{path.name}/{name}") for name in names}
    labels = ("negative", "positive")
    return _together({label: [texts[name] for name in names if f"/{label[:3]}/" in name] for label in labels})


def _sms_spam(folder: Path) -> LabelledTexts:
    rows = [line.split("\t", 1) for line in _lines(folder / "SMSSpamCollection")]
    return [text.strip() for _, text in rows], [label for label, _ in rows]


def _sentiment_sentences(folder: Path) -> LabelledTexts:
    files = [folder / f"{site}_labelled.txt" for site in ("amazon_cells", "imdb", "yelp")]
    rows = [line.rsplit("\t", 1) for file in files for line in _lines(file)]
    return [text.strip() for text, _ in rows], [("negative", "positive")[int(label)] for _, label in rows]


def _lines(path: Path) -> list[str]:
    return [line.strip() for line in read_characters(path).split("\n") if line.strip()]


def _together(parts: dict[str, list[str]]) -> LabelledTexts:
    texts = [text for part in parts.values() for text in part]
    return texts, [label for label, part in parts.items() for _ in part]


TEXT_SETS: dict[str, tuple[Callable[[Path], LabelledTexts], str]] = {
    "rt_polarity": (_rt_polarity, "https://www.cs.cornell.edu/people/pabo/movie-review-data/"),
    "movie_reviews": (_movie_reviews, "https://www.nltk.org/nltk_data/ (Sentiment Polarity Dataset Version 2.0)"),
    "sms_spam": (_sms_spam, "https://archive.ics.uci.edu/dataset/228"),
    "sentiment_sentences": (_sentiment_sentences, "https://archive.ics.uci.edu/dataset/331"),
}
