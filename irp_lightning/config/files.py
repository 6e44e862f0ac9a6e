"""The files of ``conf/``: where they are, and the help that they give. Nothing is composed here."""

from pathlib import Path

__all__ = ["CONF", "choices", "choices_text", "values_text"]

_PACKAGE = Path(__file__).parent.parent
# In a wheel the configuration is inside the package; in a checkout beside it.
CONF = _PACKAGE / "conf" if (_PACKAGE / "conf").is_dir() else _PACKAGE.parent / "conf"


def choices(group: str) -> list[str]:
    """The choices of a group, sorted; what choices share, in files such as ``_base``, is none."""
    return sorted(file.stem for file in (CONF / group).glob("[!_]*.yaml"))


def choices_text() -> str:
    """Every group with its choices, each with the first line of its comment."""
    lines = []
    for folder in sorted(folder for folder in CONF.rglob("*") if folder.is_dir()):
        group = folder.relative_to(CONF).as_posix()
        if group.startswith("hydra"):
            continue
        lines.append(f"{'+' if group == 'experiment' else ''}{group}=")
        for name in choices(group):
            lines.append(f"  {name:20} {_first_comment(folder / f'{name}.yaml')}".rstrip())
    return "\n".join(lines)


def values_text(group: str = "", choice: str = "config") -> str:
    """Every value of a file of ``conf/`` with its comment; of a choice with what it shares with others.

    Args:
        group: None for the configuration as a whole.
        choice: A file of the group.
    """
    text = (CONF / group / f"{choice}.yaml").read_text(encoding="utf-8")
    if not group:
        # Before the values are the groups, and after them is what concerns Hydra alone.
        return text.partition("  - _self_\n")[2].partition("\nhydra:")[0].strip()
    entries = [line.partition("#")[0].strip(" -") for line in text.splitlines() if line[:4] == "  - "]
    shared = [values_text(group, name) for name in entries if (CONF / group / f"{name}.yaml").is_file()]
    return "\n\n".join([text.strip(), *shared])


def _first_comment(file: Path) -> str:
    lines = file.read_text(encoding="utf-8").splitlines()
    found = next((line for line in lines if line.startswith("# ") and "@package" not in line), "")
    return found.removeprefix("# ").rstrip(":.")
