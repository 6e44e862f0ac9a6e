"""Behaviour of the MVTec-AD-2 reader: the public test is read, and what is not read is said."""

from pathlib import Path

from published_layouts import kinds, masks, read, refusal, write


def test_mvtec_ad2_reads_the_public_test(mvtec_ad2: Path) -> None:
    found = read("mvtec_ad2", mvtec_ad2)
    assert kinds(found.samples) == {"train/good": 3, "test/good": 2, "test/bad": 2}
    assert masks(mvtec_ad2, found.samples) == {
        f"test_public/bad/000_{x}.png": f"can/test_public/ground_truth/bad/000_{x}_mask.png"
        for x in "ab"
    }


def test_mvtec_ad2_tells_what_it_does_not_read(mvtec_ad2: Path) -> None:
    told = [remark.text.partition(":")[0] for remark in read("mvtec_ad2", mvtec_ad2).remarks]
    assert told == [
        "2 images of validation/good/ are not read",
        "4 images of test_private/ are not read",
        "1 images of test_private_mixed/ are not read",
    ]


def test_mvtec_ad2_does_not_read_mvtec_ad(tmp_path: Path) -> None:
    write(tmp_path, "can/train/good/0.png", "can/test/good/0.png")
    message = refusal("mvtec_ad2", tmp_path)
    assert f"{tmp_path / 'can'} has no test_public" in message
    assert "data=mvtec" in message
