"""The folder of one run: files that are whole once they exist."""

import csv
import io
import json
import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

__all__ = ["RunFolder"]


class RunFolder:
    """Writes a run's files under a temporary name and renames them.

    Args:
        path: The folder; made with the first file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def is_used(self) -> bool:
        """Whether the files of a run are there already."""
        return any((self.path / name).exists() for name in ("config.yaml", "metrics.json"))

    def write(self, name: str, save: Callable[[Path], Any]) -> Path:
        """Have ``save`` write a file, and give it its name once it is whole.

        Args:
            name: Relative to the folder.
            save: Called with a temporary path of the same suffix.
        """
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        partial = file.with_name(f".{os.getpid()}-{file.name}")
        try:
            save(partial)
            partial.replace(file)
        finally:
            partial.unlink(missing_ok=True)
        return file

    def text(self, name: str, content: str) -> Path:
        """Write a text file, UTF-8."""
        return self.write(name, lambda path: path.write_text(content, encoding="utf-8"))

    def json(self, name: str, content: Mapping[str, Any]) -> Path:
        """Write a JSON file; what is not a finite number becomes null, as JSON knows no NaN."""
        return self.text(name, json.dumps(_finite(content), indent=2) + "\n")

    def csv(self, name: str, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> Path:
        """Write a CSV file with a header; None becomes an empty cell."""
        stream = io.StringIO()
        writer = csv.DictWriter(stream, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        return self.text(name, stream.getvalue())


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
