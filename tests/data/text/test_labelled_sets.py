import zipfile

import pytest

from seqae.data._files import archives
from seqae.data.text.labelled_sets import read_text_set


@pytest.fixture
def root(tmp_path):
    for name in ("rt_polarity", "sms_spam", "sentiment_sentences", "movie_reviews"):
        (tmp_path / name).mkdir()
    (tmp_path / "rt_polarity/rt-polarity.neg").write_text("dull . \nslow\x85 .\n")
    (tmp_path / "rt_polarity/rt-polarity.pos").write_text("fine . \n")
    (tmp_path / "sms_spam/SMSSpamCollection").write_text("ham\tsee you\nspam\tWIN\ta prize\n")
    for site in ("amazon_cells", "imdb", "yelp"):
        (tmp_path / f"sentiment_sentences/{site}_labelled.txt").write_text(f"Good {site}.  \t1\nBad.\t0\n")
    with zipfile.ZipFile(tmp_path / "movie_reviews/movie_reviews.zip", "w") as archive:
        archive.writestr("movie_reviews/pos/cv001_2.txt", "great")
        archive.writestr("movie_reviews/neg/cv000_1.txt", "awful\nreally")
        archive.writestr("movie_reviews/README", "nothing")
    return tmp_path


def test_every_set_has_its_texts_and_labels(root):
    assert read_text_set("rt_polarity", root) == (
        ["dull .", "slow\x85 .", "fine ."],
        ["negative", "negative", "positive"],
    )
    assert read_text_set("sms_spam", root) == (["see you", "WIN\ta prize"], ["ham", "spam"])
    assert read_text_set("movie_reviews", root) == (["awful\nreally", "great"], ["negative", "positive"])
    texts, labels = read_text_set("sentiment_sentences", root)
    assert texts[0] == "Good amazon_cells." and labels == ["positive", "negative"] * 3


def test_absent_sets_say_where_to_get_them(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no sms_spam in .*archive.ics.uci.edu"):
        read_text_set("sms_spam", tmp_path)
    with pytest.raises(ValueError, match=r"no set of texts 'imdb'. Expected one of rt_polarity"):
        read_text_set("imdb", tmp_path)


def test_damaged_archives_are_named(root):
    (root / "movie_reviews/movie_reviews.zip").write_bytes(b"PK nothing")
    with pytest.raises(ValueError, match=r"damaged zip file \(.*movie_reviews.zip"):
        read_text_set("movie_reviews", root)


def test_a_zip_of_texts_that_unpacks_to_very_much_is_refused(root, monkeypatch):
    monkeypatch.setattr(archives, "ROOM", 2**20)
    with zipfile.ZipFile(root / "movie_reviews/movie_reviews.zip", "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("movie_reviews/neg/cv002_1.txt", "no " * 2**20)
    with pytest.raises(ValueError, match=r"movie_reviews.zip/movie_reviews/neg/cv002_1.txt unpacks to more than"):
        read_text_set("movie_reviews", root)


def test_a_text_in_a_zip_that_is_no_utf_8_is_named(root):
    with zipfile.ZipFile(root / "movie_reviews/movie_reviews.zip", "a") as archive:
        archive.writestr("movie_reviews/neg/cv002_1.txt", b"caf\xe9")
    with pytest.raises(ValueError, match=r"not utf-8: byte 0xe9 \(movie_reviews.zip/movie_reviews/neg/cv002_1.txt"):
        read_text_set("movie_reviews", root)
