"""`python -m stoker` and the command `stoker`."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line and exit with its code."""
    from stoker.cli.main import main as run  # noqa: PLC0415 - `--version` must not pay for everything

    sys.exit(run())


if __name__ == "__main__":
    main()
