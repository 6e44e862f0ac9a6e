"""Scores of images by a checkpoint, as the command line gives them."""

import csv
import io
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from checkpoint_files import write_checkpoint
from omegaconf import DictConfig
from PIL import Image
from run_files import rows

from irp_lightning.api import Detector
from irp_lightning.commands.predict import main
from irp_lightning.data.files.bit_depth import BitDepth, Extent
from irp_lightning.data.files.images import load_square
from irp_lightning.detectors import new_photograph
from irp_lightning.foundation.errors import InputError

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    """More than two batches."""
    noise = np.random.default_rng(0)
    files = [tmp_path / "pictures" / f"{i:02}.png" for i in range(35)]
    files[0].parent.mkdir()
    for file in files:
        Image.fromarray(noise.integers(0, 256, (40, 50, 3), np.uint8)).save(file)
    return files


def read(text: str) -> dict[str, float]:
    return {row["path"]: float(row["score"]) for row in csv.DictReader(io.StringIO(text))}


def test_scores_are_the_detectors_of_the_images_features(
    tmp_path: Path, pictures: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    module, extractor = write_checkpoint(tmp_path / "last.ckpt")
    squares = torch.stack([load_square(file, 32, "none") for file in pictures])
    features = extractor(squares, extractor.angles.expand(len(pictures), -1))[:, :2]
    expected = module.score(features)
    torch.testing.assert_close(Detector.load(tmp_path / "last.ckpt").score(pictures), expected)
    main([str(tmp_path / "last.ckpt"), *map(str, pictures)])
    assert [*read(capsys.readouterr().out).values()] == pytest.approx(expected.tolist(), rel=1e-4)


def test_folders_are_looked_into(
    checkpoint: Path, pictures: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    (pictures[0].parent / "notes.txt").write_text("no image")
    main([str(checkpoint), str(pictures[3]), str(pictures[0].parent)])
    out = capsys.readouterr().out
    assert out.splitlines()[0] == "path,score"
    assert [line.split(",")[0] for line in out.splitlines()[1:]] == [
        str(pictures[3]),
        *map(str, pictures),
    ]


@pytest.mark.parametrize("bad", [[0], [16], [3, 4, 20], [34]])
def test_bad_files_stop_no_others_and_are_named_at_the_end(
    bad: list[int], checkpoint: Path, pictures: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    main([str(checkpoint), *map(str, pictures)])
    whole = read(capsys.readouterr().out)
    for i in bad:
        pictures[i].write_bytes(b"no image")
    with pytest.raises(SystemExit) as stopped:
        main([str(checkpoint), *map(str, pictures), "missing.png"])
    assert read(capsys.readouterr().out) == pytest.approx(
        {str(p): whole[str(p)] for i, p in enumerate(pictures) if i not in bad}, rel=1e-4
    )
    complaints = str(stopped.value.code).splitlines()
    names = [*(str(pictures[i]) for i in bad), "missing.png"]
    assert len(complaints) == len(names)
    for line, name in zip(complaints, names, strict=True):
        assert line.startswith(f"irp_lightning: {name} is not a readable image (")
    with pytest.raises(InputError, match="is not a readable image"):
        Detector.load(checkpoint).score(pictures)


def test_a_score_that_is_not_finite_is_a_bad_one(
    tmp_path: Path, pictures: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "last.ckpt"
    write_checkpoint(file)
    saved = torch.load(file, weights_only=True)
    saved["state_dict"]["references"].fill_(torch.nan)
    torch.save(saved, file)
    with pytest.raises(SystemExit, match=r"^irp_lightning: \S+00\.png: its score is nan"):
        main([str(file), str(pictures[0])])
    assert capsys.readouterr().out == "path,score\n"


def test_scores_leave_batch_by_batch(
    checkpoint: Path, pictures: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the third batch is decoded the first two are with the reader."""
    out = _Pipe()
    monkeypatch.setattr(sys, "stdout", out)
    decode, arrived = new_photograph.load_with_extent, {}

    def watched(path: Path, bit_depth: BitDepth) -> tuple[Image.Image, Extent]:
        arrived[path] = len(out.passed_on.splitlines())
        return decode(path, bit_depth)

    monkeypatch.setattr(new_photograph, "load_with_extent", watched)
    main([str(checkpoint), *map(str, pictures)])
    assert len(out.passed_on.splitlines()) == 36
    assert arrived[pictures[0]] <= 1
    assert arrived[pictures[20]] == 17
    assert arrived[pictures[34]] == 33


def test_the_same_threads_decode_all_images(
    checkpoint: Path, pictures: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Threads of a pool bear its number: one of each batch's own would have three."""
    decode, pools = new_photograph.load_with_extent, set()

    def watched(path: Path, bit_depth: BitDepth) -> tuple[Image.Image, Extent]:
        pools.add(threading.current_thread().name.rpartition("_")[0])
        return decode(path, bit_depth)

    monkeypatch.setattr(new_photograph, "load_with_extent", watched)
    pictures[3].write_bytes(pictures[3].read_bytes()[:-500])
    with pytest.raises(SystemExit):
        main([str(checkpoint), *map(str, pictures)])
    (pool,) = pools
    assert not [t for t in threading.enumerate() if t.name.startswith(pool)]


class _Pipe(io.StringIO):
    """Passes on what it was told to flush."""

    passed_on = ""

    def flush(self) -> None:
        self.passed_on = self.getvalue()


def test_heat_maps_of_the_images_that_have_scores(
    checkpoint: Path, pictures: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pictures[1].write_bytes(b"no image")
    maps = tmp_path / "maps"
    with pytest.raises(SystemExit, match=r"^irp_lightning: \S+01\.png is not a readable image [^\n]*$"):
        main([str(checkpoint), *map(str, pictures[:3]), "--heat-maps", str(maps)])
    assert sorted(file.name for file in maps.iterdir()) == ["00.png", "02.png"]
    assert len(read(capsys.readouterr().out)) == 2


def test_a_detector_without_a_gradient_has_scores_all_the_same(
    tmp_path: Path,
    pictures: list[Path],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    name = f"blunt_{abs(hash(tmp_path))}"
    (tmp_path / f"{name}.py").write_text(
        "from irp_lightning.detectors.nearest import Nearest\n"
        "class Blunt(Nearest):\n"
        "    def score(self, batch):\n"
        "        return super().score(batch.detach())\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    write_checkpoint(tmp_path / "last.ckpt", f"{name}.Blunt")
    with pytest.raises(SystemExit, match=r"^irp_lightning: [^\n]*gradient[^\n]*$"):
        main(
            [
                str(tmp_path / "last.ckpt"),
                *map(str, pictures[:2]),
                "--heat-maps",
                str(tmp_path / "x"),
                "--own-code",
            ]
        )
    assert len(read(capsys.readouterr().out)) == 2


def test_a_backbone_of_ones_own(
    tmp_path: Path,
    pictures: list[Path],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    name = f"own_{abs(hash(tmp_path))}"
    (tmp_path / f"{name}.py").write_text(
        "import torch\ndef backbone():\n    return torch.nn.Conv2d(3, 4, 3)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    file = tmp_path / "last.ckpt"
    write_checkpoint(file, backbone=f"{name}.backbone")
    with pytest.raises(SystemExit, match=r"^irp_lightning: .* --own-code \(own_code=True in Python\)$"):
        main([str(file), str(pictures[0])])
    assert capsys.readouterr().out == ""
    main([str(file), str(pictures[0]), "--own-code"])
    (score,) = read(capsys.readouterr().out).values()
    assert [score] == pytest.approx(Detector.load(file, own_code=True).score(pictures[:1]).tolist())


def test_a_folder_without_images(checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"^irp_lightning: no images in "):
        main([str(checkpoint), str(tmp_path)])


def test_help_imports_no_torch(tmp_path: Path) -> None:
    code = (
        "import sys; from irp_lightning.commands.predict import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "print([m for m in ('torch', 'lightning', 'hydra', 'matplotlib') if m in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "--heat-maps" in shown.stdout
    assert shown.stdout.splitlines()[-1] == "[]"


def test_the_command_fails_where_an_image_did(
    checkpoint: Path, pictures: list[Path], command: Command, tmp_path: Path
) -> None:
    pictures[1].write_bytes(b"no image")
    result = command("predict", str(checkpoint), *map(str, pictures[:3]), cwd=tmp_path)
    assert result.returncode == 1
    assert len(read(result.stdout)) == 2
    (line,) = result.stderr.strip().splitlines()
    assert line.startswith(f"irp_lightning: {pictures[1]} is not a readable image")


def test_a_run_leaves_what_predict_needs(
    config: Callable[..., DictConfig], images: Path, tmp_path: Path
) -> None:
    from irp_lightning.commands.run import run_composed as run

    folder = tmp_path / "run"
    run(config("+experiment=demo", "refine=irp"), folder)
    scores = rows(folder / "scores.csv")
    moved = (folder / "checkpoints" / "last.ckpt").rename(tmp_path / "moved.ckpt")
    predicted = Detector.load(moved).score([images / "fabric" / row["path"] for row in scores])
    expected = torch.tensor([float(row["score"]) for row in scores])
    torch.testing.assert_close(predicted, expected, rtol=1e-4, atol=1e-5)


def test_one_image_that_is_cut_off_costs_its_own_score_alone(
    checkpoint: Path, pictures: list[Path], command: Command, tmp_path: Path
) -> None:
    pictures[3].write_bytes(pictures[3].read_bytes()[:-500])
    result = command("predict", str(checkpoint), *map(str, pictures[:4]), cwd=tmp_path)
    assert result.returncode == 1
    assert [*read(result.stdout)] == [str(path) for path in pictures[:3]]
    assert result.stderr.startswith(f"irp_lightning: {pictures[3]} is not a readable image")


def test_an_image_above_the_limit_is_named_with_the_limit(
    checkpoint: Path, pictures: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    Image.new("RGB", (60, 60)).save(pictures[20])
    with pytest.raises(SystemExit) as stopped:
        main([str(checkpoint), "--max-pixels", "2000", *map(str, pictures)])
    assert "20.png has 60 x 60 pixels, more than the limit max_pixels=2000" in str(stopped.value)
    assert len(read(capsys.readouterr().out)) == 34
    main([str(checkpoint), "--max-pixels", "3600", str(pictures[20])])


def test_a_name_that_is_no_utf_8_is_escaped(
    checkpoint: Path, pictures: list[Path], command: Command, tmp_path: Path
) -> None:
    odd = pictures[0].with_name("Gr\udcfcn.png")
    try:
        pictures[0].rename(odd)
    except OSError as error:
        pytest.skip(f"this file system refuses the name: {error}")
    result = command("predict", str(checkpoint), str(odd), cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert [*read(result.stdout)] == [str(odd.with_name(r"Gr\xfcn.png"))]
