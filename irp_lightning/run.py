"""The module form of ``irp-lightning run``: ``python -m irp_lightning.run +experiment=demo``."""

from irp_lightning.foundation.interrupts import interrupted_in_one_line

__all__: list[str] = []

if __name__ == "__main__":
    interrupted_in_one_line()  # before the imports, which take a second
    from irp_lightning.commands.run import main

    main()
