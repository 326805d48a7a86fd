"""Entry point of ``python -m plughub``, which is the ``hub`` command."""

import gc

gc.disable()  # imports leave hardly any garbage, and collections take a tenth of their time
from plughub.cli.main import main  # noqa: E402 - see above

gc.freeze()
gc.enable()
main()
