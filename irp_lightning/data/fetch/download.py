"""Published datasets: downloaded, checked and unpacked, whole or not at all."""

import shutil
import stat
import tarfile
import zipfile
from pathlib import Path, PurePosixPath
from typing import Any

import pooch
from tqdm import tqdm

from irp_lightning.data.config import DataConfig
from irp_lightning.data.fetch.archives import ARCHIVES, NOT_OFFERED, Archive
from irp_lightning.data.files.listing import LITTER
from irp_lightning.foundation.errors import InputError, WrongValue, one_line
from irp_lightning.foundation.locks import locked_folder
from irp_lightning.foundation.spelling import spelt_key

__all__ = ["fetch"]

TIMEOUT = 30
"""Seconds without an answer after which a download is given up."""

CHUNK = 2**16
"""Bytes that are written at once; of a connection that is cut, what came after the last are lost."""


def fetch(data: DataConfig) -> None:
    """Fetch the archive of a published dataset and unpack it where ``data.root`` is not there.

    The archive lies beside the root, under its own name; one that lies there already is taken. Of
    several processes one works and the others wait for it.

    Raises:
        WrongValue: There is no such archive to fetch.
        InputError: It cannot be had, is not the published one, or cannot be unpacked; there is no root
            then, and what was downloaded of it is kept for the next time.
    """
    root = Path(data.root)
    if data.reader not in (*ARCHIVES, *NOT_OFFERED):
        raise WrongValue(
            "download",
            "true",
            f"fetches the datasets of {', '.join(ARCHIVES)}, and data.reader={data.reader} is none of "
            "these; set data.download=false",
        )
    if _is_there(root):
        return
    if data.reader in NOT_OFFERED:
        raise WrongValue(
            "download",
            "true",
            f"cannot fetch the dataset of data.reader={data.reader}: {NOT_OFFERED[data.reader]}, and "
            f"unpack it to {root}",
        )
    archive = ARCHIVES[data.reader]
    file = root.with_name(archive.name)
    try:
        root.parent.mkdir(parents=True, exist_ok=True)
        with locked_folder(root.with_name(f".{archive.name}.lock"), wait=True):
            if not _is_there(root):
                _obtain(archive, file)
                print(f"unpacking {file} to {root}")
                _unpack(file, root)
    except (OSError, tarfile.TarError, zipfile.BadZipFile) as error:
        raise InputError(
            f"{root} cannot be unpacked from {file} ({one_line(error, 160)}); "
            f"set {spelt_key('data.root')} to another folder"
        ) from error


def _is_there(root: Path) -> bool:
    return root.exists() or root.is_symlink()


def _obtain(archive: Archive, file: Path) -> None:
    """Have the published archive at ``file``."""
    if file.exists():
        if (found := pooch.file_hash(str(file))) != archive.sha256:
            raise InputError(
                f"{file} is not what {archive.url} was: its SHA-256 is {found} and not "
                f"{archive.sha256}; move it away"
            )
        return
    part = file.with_name(f"{file.name}.part")
    _download(archive, part)
    if (found := pooch.file_hash(str(part))) != archive.sha256:
        part.unlink()
        raise InputError(
            f"{archive.url} gave a file with the SHA-256 {found} and not {archive.sha256}; the file "
            "was deleted. The same command tries again"
        )
    part.rename(file)


def _download(archive: Archive, part: Path) -> None:
    """Download an archive, or what is missing of it."""
    have = part.stat().st_size if part.exists() else 0
    if have >= archive.size:  # a command was killed before it could check it
        return
    needed, free = 2 * archive.size - have, shutil.disk_usage(part.parent).free
    if free < needed:
        raise InputError(
            f"{part.parent} has {free / 1e9:.1f} GB free, and {archive.name}, packed and unpacked, "
            f"needs {needed / 1e9:.1f}; make room, or set {spelt_key('data.root')} to a folder "
            "on another disk"
        )
    print(
        f"downloading {archive.url} ({archive.size / 1e9:.1f} GB) to {part.parent}; licence of the "
        f"images: {archive.licence}"
    )
    reason = "the connection was cut"
    try:
        _append(archive, part, have)
    except OSError as error:  # the network's and HTTP's are such, and a full disk
        reason = one_line(_first_cause(error), 160)
    have = part.stat().st_size
    if have == 0:
        part.unlink()
    if have < archive.size:
        raise InputError(
            f"{archive.url} could not be downloaded: {reason}; the same command resumes at {have} of "
            f"{archive.size} bytes, or place the file in {part.parent}"
        )


def _first_cause(error: BaseException) -> BaseException:
    """What went wrong first: what wraps it repeats the address and buries the reason."""
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    return error


def _append(archive: Archive, part: Path, have: int) -> None:
    with (
        part.open("ab") as stream,
        tqdm(total=archive.size, unit="B", unit_scale=True, desc=archive.name, disable=None) as bar,
    ):

        def begin(response: Any, **_: Any) -> None:
            whole = response.headers.get("Content-Length", "")
            if response.status_code == 206:
                whole = response.headers.get("Content-Range", "").rpartition("/")[2]
            elif response.status_code != 200:
                return
            if whole.isdigit() and int(whole) != archive.size:
                raise OSError(f"it has {whole} bytes there, and the published one {archive.size}")
            if response.status_code == 200:  # the server gives no ranges: from the start
                stream.truncate(0)

        get = pooch.HTTPDownloader(
            progressbar=bar,
            chunk_size=CHUNK,
            timeout=TIMEOUT,
            headers={"Range": f"bytes={have}-", "Accept-Encoding": "identity"},
            hooks={"response": begin},
        )
        get(archive.url, stream, None)


def _unpack(file: Path, root: Path) -> None:
    """Unpack an archive; a single folder in it becomes the root."""
    work = root.with_name(f".{root.name}.part")
    shutil.rmtree(work, ignore_errors=True)  # of a command that was killed
    try:
        work.mkdir()
        if zipfile.is_zipfile(file):
            _unpack_zip(file, work)
        else:
            _unpack_tar(file, work)
        inside = [path for path in work.iterdir() if path.name.lower() not in LITTER]
        single = len(inside) == 1 and inside[0].is_dir()
        (inside[0] if single else work).rename(root)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _unpack_tar(file: Path, folder: Path) -> None:
    def checked(member: tarfile.TarInfo, path: str) -> tarfile.TarInfo | None:
        if _leads_out(member.name):
            raise _refused(file, member.name)
        return tarfile.data_filter(member, path)

    with tarfile.open(file) as packed:
        try:
            packed.extractall(folder, filter=checked)
        except tarfile.FilterError as error:
            raise _refused(file, error.tarinfo.name) from error


def _unpack_zip(file: Path, folder: Path) -> None:
    with zipfile.ZipFile(file) as packed:
        for member in packed.infolist():
            kind = stat.S_IFMT(member.external_attr >> 16)
            if _leads_out(member.filename) or kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise _refused(file, member.filename)
        packed.extractall(folder)


def _leads_out(name: str) -> bool:
    path = PurePosixPath(name)
    return path.is_absolute() or ".." in path.parts


def _refused(file: Path, name: str) -> InputError:
    return InputError(f"{file} holds {name}, which is no file or folder inside it; nothing is unpacked")
