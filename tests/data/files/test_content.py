"""Behaviour of digests: they are of the content alone, and a file that is not there has none."""

from pathlib import Path

import pytest

from irp_lightning.data.files.content import content_hash, content_hashes, masks_digest, set_digest


def test_digest_is_of_the_content_and_not_of_the_name(tmp_path: Path) -> None:
    for name, content in (("a", b"one"), ("b", b"one"), ("c", b"two")):
        (tmp_path / name).write_bytes(content)
    a, b, c = (content_hash(tmp_path / name) for name in "abc")
    assert a == b != c
    # As the banks of earlier versions are named.
    assert a == "c88d4df74262143a08e9d190e3bd67f1"


def test_digests_of_many_leave_out_what_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"one")
    (tmp_path / "folder").mkdir()
    paths = [tmp_path / name for name in ("missing", "a", "folder")]
    assert content_hashes(paths) == {tmp_path / "a": content_hash(tmp_path / "a")}
    assert content_hashes([]) == {}
    with pytest.raises(OSError, match="missing"):
        content_hash(paths[0])


def test_a_set_is_known_by_its_images_and_labels_in_any_order() -> None:
    images = [("a", 0), ("b", 1), ("b", 1)]
    assert set_digest(images) == set_digest(iter(images[::-1]))
    for other in (
        images[:2],
        [*images, ("c", 0)],
        [("a", 1), *images[1:]],
        [("a", 0), ("b", 0), ("b", 1)],
    ):
        assert set_digest(other) != set_digest(images)


def test_masks_are_known_by_their_content_and_image(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    for name, content in (
        ("m.png", b"1"),
        ("n.png", b"2"),
        ("parts/0.png", b"3"),
        ("parts/1.png", b"4"),
    ):
        (tmp_path / name).write_bytes(content)
    m, n, parts = (tmp_path / name for name in ("m.png", "n.png", "parts"))
    before = [("a", m), ("b", n), ("c", parts), ("d", None)]
    told = masks_digest(before)
    assert masks_digest(before[::-1]) == told
    assert masks_digest([("a", m.rename(tmp_path / "moved.png")), *before[1:]]) == told
    (tmp_path / "moved.png").rename(m)
    for other in ([("a", n), ("b", m), *before[2:]], [("a", None), *before[1:]], before[:3]):
        assert masks_digest(other) != told
    (parts / "1.png").write_bytes(b"5")
    assert masks_digest(before) != told
