"""``python -m plughub`` is ``hub``."""

from plughub.cli.main import main

main()
