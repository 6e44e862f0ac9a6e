"""The program: ``irp-lightning VERB ARGUMENTS``, or ``python -m irp_lightning VERB ARGUMENTS``."""

import ast
import importlib
import sys
from pathlib import Path

from irp_lightning.foundation.interrupts import interrupted_in_one_line
from irp_lightning.foundation.suggestions import meant

__all__ = ["main"]

COMMANDS = Path(__file__).parent / "commands"


def main() -> None:
    """Start the command that the first argument names."""
    interrupted_in_one_line()  # before the imports, which take a second
    verb, *arguments = sys.argv[1:] or ["--help"]
    if "=" in verb or verb == "-m":  # as processes that train together are started: without the verb
        verb, arguments = "run", sys.argv[1:]
    verbs = sorted(file.stem for file in COMMANDS.glob("[a-z]*.py"))
    if verb in ("-h", "--help"):
        print(_help(verbs))
    elif verb not in verbs:
        remedy = meant(verb, verbs)
        print(f"irp_lightning: there is no command {verb}; {remedy}", file=sys.stderr)
        raise SystemExit(2)
    else:
        importlib.import_module(f"irp_lightning.commands.{verb}").main(arguments)


def _help(verbs: list[str]) -> str:
    """One line per command, from the first line of its docstring; nothing is imported for it."""
    lines = ["usage: irp-lightning COMMAND ...", ""]
    for verb in verbs:
        text = ast.get_docstring(ast.parse((COMMANDS / f"{verb}.py").read_text(encoding="utf-8"))) or ""
        lines.append(f"  {verb:10} {text.partition(': ``')[0]}")
    return "\n".join([*lines, "", "irp-lightning COMMAND --help shows a command's arguments."])


if __name__ == "__main__":
    main()
