"""Videos of wear: in BSData's layout, and synthetic ones."""

from itertools import product

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from scores import changes, error_maps, evaluate, linear_prediction, scores_of_frames
from wear import SIZE, read_wear, synthetic_slides

from seqae.evaluation import auc_roc

HEIGHT, WIDTH = SIZE


def write_frame(
    folder, time: int, grey: int, location: str = "277500_315", part: int = 2, marked: bool = False
) -> None:
    """Write an image of BSData, all of one grey value, of twice the size of a frame."""
    for name in ("data", "label"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    stem = f"01_2008281100{time:02d}_{location}_crop_{part}"
    Image.fromarray(np.full((2 * HEIGHT, 2 * WIDTH, 3), grey, np.uint8)).save(folder / "data" / f"{stem}.jpg")
    if marked:
        (folder / "label" / f"{stem}.json").write_text("{}")


def test_frames_of_a_spot_come_in_order_of_time_with_their_labels(tmp_path):
    for time in (30, 10, 20):
        write_frame(tmp_path / "BSData", time, grey=4 * time, marked=time == 30)
        write_frame(tmp_path / "BSData", time, grey=2 * time, location="305000_090")
    write_frame(tmp_path / "BSData", 40, grey=200, part=1)  # another part of the screw
    first, second = read_wear(tmp_path)
    assert (first.name, second.name) == ("277500_315", "305000_090")
    assert first.frames.shape == (3, 1, HEIGHT, WIDTH) and first.frames.dtype == torch.uint8
    assert first.frames.float().mean(dim=(1, 2, 3)).round().tolist() == [40, 80, 120]
    assert second.frames.float().mean(dim=(1, 2, 3)).round().tolist() == [20, 40, 60]
    assert first.worn.tolist() == [False, False, True] and not second.worn.any()


def test_a_folder_without_images_is_named_with_what_to_download(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no data/\*_crop_2\.jpg .*github\.com/2Obe/BSData") as error:
        read_wear(tmp_path)
    assert str(tmp_path) in str(error.value)


def places(frames: torch.Tensor) -> np.ndarray:
    """Return the column of the middle of a slide, `(time,)`: the darkest square of 13 x 15 pixels."""
    sums = F.avg_pool2d(frames.float(), (13, 15), stride=1)
    return sums.amin(dim=2).argmin(dim=-1)[:, 0].numpy() + 7.0


def test_slides_come_again_with_their_seed():
    for video, again in zip(synthetic_slides(3), synthetic_slides(3)):
        assert torch.equal(video.frames, again.frames) and (video.worn == again.worn).all()
    assert not torch.equal(synthetic_slides(1)[0].frames, synthetic_slides(1, seed=1)[0].frames)


def test_a_worn_slide_rests_for_some_frames_and_then_jumps():
    videos = synthetic_slides(20)
    rests, jumps = [], []
    for video in videos:
        assert not video.worn[:40].any()
        moves = np.abs(np.diff(places(video.frames)))
        for start in np.flatnonzero(~video.worn[:-1] & video.worn[1:]) + 1:
            end = start + int(np.argmin(video.worn[start:]))
            assert end - start in (3, 4)
            rests += [*moves[start : end - 2]]  # a move is from a frame to the next
            jumps.append(moves[end - 2])
    assert np.mean([video.worn.any() for video in videos]) == pytest.approx(0.75, abs=0.25)
    assert np.median(rests) <= 1 and np.median(jumps) >= 4


def test_no_time_is_worn_more_than_another_and_light_tells_nothing():
    videos = synthetic_slides(60)
    worn = np.stack([video.worn[45:95] for video in videos if video.worn.any()])
    assert auc_roc(worn.ravel(), np.tile(np.arange(50), len(worn))) == pytest.approx(0.5, abs=0.1)
    light = np.stack([video.frames[45:95].float().mean(dim=(1, 2, 3)) for video in videos if video.worn.any()])
    assert auc_roc(worn.ravel(), (light - light.mean(axis=1, keepdims=True)).ravel()) == pytest.approx(0.5, abs=0.1)


def test_changes_do_not_know_how_bright_the_light_was():
    frames = 0.5 + 0.1 * torch.rand(6, 1, 8, 8)
    light = torch.linspace(0.5, 1.5, 6).view(-1, 1, 1, 1)
    even = frames / frames.mean(dim=(1, 2, 3), keepdim=True)
    found = changes(even * light, 4)
    assert found[:4].mean(dim=0).abs().max() < 1e-6
    torch.testing.assert_close(found, (even - even[:4].mean(dim=0)) * light[:4].mean())


def test_a_map_of_errors_tells_the_region():
    errors = torch.zeros(2, 1, 32, 64)
    errors[1, 0, 8:16, 40:48] = -0.5
    maps = error_maps(errors)
    assert maps[0].max() == 0 and maps[1].max() == 0.25
    assert divmod(int(maps[1].argmax()), maps.shape[-1]) == (2, 10)


def test_a_clock_is_worth_nothing_among_frames_of_the_same_time():
    random = np.random.default_rng(0)
    worn = random.random((5, 30)) < np.linspace(0, 1, 30)
    clock = evaluate([np.arange(30)] * 5, list(worn))
    assert clock["AUROC within videos"] > 0.7 and clock["AUROC at the same time"] == 0.5
    scores = random.normal(size=(5, 30)).round(1)
    right = total = 0.0
    for one, other, time in product(range(5), range(5), range(30)):
        if worn[one, time] and not worn[other, time]:
            right += (scores[one, time] > scores[other, time]) + 0.5 * (scores[one, time] == scores[other, time])
            total += 1
    assert evaluate(list(scores), list(worn))["AUROC at the same time"] == pytest.approx(right / total)


def test_videos_without_known_wear_have_no_scores_and_those_of_different_lengths_none_of_the_same_time():
    assert evaluate([np.arange(4)], [np.zeros(4, dtype=bool)]) == {}
    scores = evaluate([np.arange(4), np.arange(3)], [np.arange(4) > 1, np.zeros(3, dtype=bool)])
    assert set(scores) == {"AUROC of all", "AUROC within videos"} and scores["AUROC within videos"] == 1


def test_what_moves_as_before_is_predicted_and_a_stop_is_not():
    noise = torch.randn(12, 80, generator=torch.Generator().manual_seed(0))
    moving = torch.stack([noise[:, 60 - time : 80 - time] for time in range(40)]).unsqueeze(1)  # a pixel a frame
    stopped = moving.clone()
    stopped[30:] = moving[29]
    found, after = linear_prediction([moving, stopped], 25, 4, side=3)
    assert torch.equal(found[:4], moving[:4])
    inner = (..., slice(1, -1), slice(1, -1))
    assert (found[4:] - moving[4:])[inner].square().mean() < 0.01
    assert (after[30] - stopped[30])[inner].square().mean() > 1


def test_a_frame_scores_by_the_worst_of_its_predictions_in_medians_of_new_frames():
    videos = [torch.zeros(6, 1, 8, 8)]
    one, other = torch.ones(6, 1, 8, 8), torch.full((6, 1, 8, 8), 2.0)
    one[4], other[5] = 3.0, 8.0
    (scores,) = scores_of_frames([[one], [other]], videos, slice(0, 4))
    np.testing.assert_allclose(scores, [1, 1, 1, 1, 9, 16])


def test_what_moves_is_predicted_two_frames_ahead_as_well():
    moving = torch.stack([torch.eye(16).roll(step, 1) for step in range(30)]).unsqueeze(1)
    (found,) = linear_prediction([moving], 25, 4, ahead=2, side=5)
    torch.testing.assert_close(found[:5], moving[:5])
    inside = (slice(25, None), slice(None), slice(3, -3), slice(3, -3))
    assert (found - moving)[inside].abs().max() < 0.1
