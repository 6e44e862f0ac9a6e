"""What was seen of images, kept by content in a file that several processes write."""

from pathlib import Path

from irp_lightning.data.files.bit_depth import Extent
from irp_lightning.data.files.known_images import KnownImages

ONE, TWO = Extent("8-bit", 0, 255, constant=False), Extent("floats", 0.0, 0.5, constant=True)


def test_what_was_added_is_known_to_the_next(tmp_path: Path) -> None:
    file = tmp_path / "cache" / "images.jsonl"
    first = KnownImages(file)
    assert first.get("a") is None
    first.add({"a": ONE})
    other = KnownImages(file)
    other.add({"b": TWO})
    first.add({"c": ONE})
    last = KnownImages(file)
    assert [last.get(digest) for digest in ("a", "b", "c", "d", None)] == [ONE, TWO, ONE, None, None]


def test_an_image_is_written_once(tmp_path: Path) -> None:
    file = tmp_path / "images.jsonl"
    known = KnownImages(file)
    for _ in range(3):
        known.add({"a": ONE})
    assert file.read_text().count('"a"') == 1


def test_damaged_lines_cost_their_images_alone(tmp_path: Path) -> None:
    file = tmp_path / "images.jsonl"
    KnownImages(file).add({"a": ONE})
    with file.open("a") as stream:
        stream.write('["b", {"numbers": "8-b')  # a process was killed
    KnownImages(file).add({"c": TWO})
    with file.open("ab") as stream:
        stream.write(b'\xff\n3\n["d", {"new": 1}]\n')
        sound = '{"numbers": "8-bit", "lowest": 0, "highest": %s, "constant": %s}'
        for highest, constant in (("NaN", "true"), ('"7"', "true"), ("7", "1")):
            stream.write(f'["d", {sound % (highest, constant)}]\n'.encode())
        stream.write(b"[" * 100_000 + b"\n")
    known = KnownImages(file)
    assert [known.get(digest) for digest in "abcd"] == [ONE, None, TWO, None]


def test_a_place_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    known = KnownImages(tmp_path / "file" / "images.jsonl")
    known.add({"a": ONE})
    assert known.get("a") == ONE
