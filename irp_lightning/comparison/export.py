"""Tables and figures as files: CSV, Markdown, LaTeX, PNG and SVG."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

import matplotlib
from matplotlib.figure import Figure

from irp_lightning.comparison.curves import Picture
from irp_lightning.comparison.table import Table
from irp_lightning.runs.folder import RunFolder

__all__ = ["as_latex", "as_markdown", "save_svg", "write_picture", "write_table"]

LATEX = {
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "±": r"$\pm$",
    "†": r"\textsuperscript{\dag}",
    "‡": r"\textsuperscript{\ddag}",
    "§": r"\textsuperscript{\S}",
    "¶": r"\textsuperscript{\P}",
    "–": "--",
    "…": r"\ldots{}",
    "−": "$-$",
    "λ": r"$\lambda$",
}


def write_table(folder: RunFolder, table: Table) -> None:
    """Write ``NAME.csv``, ``NAME.md`` and ``NAME.tex``."""
    folder.csv(f"{table.name}.csv", table.columns_of_records, table.records)
    folder.text(f"{table.name}.md", as_markdown(table))
    folder.text(f"{table.name}.tex", as_latex(table))


def write_picture(folder: RunFolder, picture: Picture) -> None:
    """Write ``NAME.png`` and ``NAME.svg``."""
    folder.write(f"{picture.name}.png", lambda path: save_png(picture.figure, path))
    folder.write(f"{picture.name}.svg", lambda path: save_svg(picture.figure, path))


def save_png(figure: Figure, path: Path) -> None:
    """For a document."""
    figure.savefig(path, dpi=160)


def save_svg(figure: Figure, path: Path | BinaryIO) -> None:
    """For a document or a page of any background colour."""
    # The same runs give the same file; names are data and no formulas.
    with matplotlib.rc_context({"svg.hashsalt": "irp_lightning", "text.parse_math": False}):
        figure.savefig(path, format="svg", transparent=True, metadata={"Date": None})


def as_markdown(table: Table) -> str:
    """A GitHub table below its heading."""
    aligned = ["---:" if number else "---" for number in table.numeric]
    lines = [
        f"### {_markdown(table.title)}",
        "",
        _markdown(table.caption),
        "",
        _line(_markdown(name) for name in table.columns),
        _line(aligned),
    ]
    for i, row in enumerate(table.rows):
        bold = "**" if i in table.strong else ""
        lines.append(_line(f"{bold}{_markdown(e.text)}{bold}" if e.text else "" for e in row))
    if table.notes:
        lines += ["", *(f"- {_markdown(note)}" for note in table.notes)]
    return "\n".join(lines) + "\n"


def as_latex(table: Table) -> str:
    r"""A ``table`` float with booktabs rules: ``\usepackage{booktabs}``, ``[T1]{fontenc}``."""
    columns = "".join("r" if number else "l" for number in table.numeric)
    lines = [
        "% needs \\usepackage{booktabs} and \\usepackage[T1]{fontenc}",
        "\\begin{table}",
        "\\centering",
        f"\\caption{{{_latex(table.title)}. {_latex(table.caption)}}}",
        f"\\label{{tab:{table.name}}}",
        f"\\begin{{tabular}}{{{columns}}}",
        "\\toprule",
        " & ".join(map(_latex, table.columns)) + r" \\",
        "\\midrule",
    ]
    for i, row in enumerate(table.rows):
        if i in table.breaks:
            lines.append("\\midrule")
        texts = [_latex(entry.text) for entry in row]
        if texts[0][:1] in ("[", "*"):
            texts[0] = f"{{}}{texts[0]}"  # after a line's end LaTeX would take it for a distance
        bold = (f"\\textbf{{{t}}}" if i in table.strong and t else t for t in texts)
        lines.append(f"{' & '.join(bold)} \\\\")
    lines += ["\\bottomrule", "\\end{tabular}"]
    lines += [f"\\par\\footnotesize {_latex(note)}" for note in table.notes]
    return "\n".join([*lines, "\\end{table}"]) + "\n"


def _line(texts: Iterable[str]) -> str:
    return f"| {' | '.join(texts)} |"


def _markdown(words: str) -> str:
    # A file name is data: it must not make a column, a link, emphasis or an element.
    escaped = re.sub(r"([\\`*_\[\]|~$])", r"\\\1", " ".join(words.split()))
    return escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _latex(words: str) -> str:
    return "".join(LATEX.get(sign, sign) for sign in " ".join(words.split()))
