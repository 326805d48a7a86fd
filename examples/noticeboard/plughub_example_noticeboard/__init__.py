"""A page, a template, a setting and a command."""

from collections.abc import Sequence
from pathlib import Path

from plughub import hookimpl
from plughub.kinds import Command, HubContext, Page
from tornado.web import RequestHandler
from traitlets import Unicode
from traitlets.config import Config, Configurable


class NoticeBoard(Configurable):
    """The board."""

    text = Unicode("nothing new", help="What stands on the notice board.").tag(config=True)


class NoticePage(RequestHandler):
    """The board as a page."""

    def get(self) -> None:
        """Show the board."""
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish(boards[0].text)


boards = [NoticeBoard()]


@hookimpl
def hub_configure(context: HubContext) -> None:
    boards[:] = [NoticeBoard(config=context.config)]


@hookimpl
def hub_register_configurables() -> Sequence[type]:
    return [NoticeBoard]


@hookimpl
def hub_register_pages() -> Sequence[Page]:
    return [Page(path="/notices", handler=NoticePage)]


@hookimpl
def hub_register_templates() -> Sequence[Path]:
    return [Path(__file__).parent / "templates"]


@hookimpl
def hub_register_commands(config: Config) -> Sequence[Command]:
    def show(_arguments: Sequence[str]) -> int:
        print(NoticeBoard(config=config).text)  # noqa: T201 - a command speaks
        return 0

    return [Command(name="notices", help="show what stands on the notice board", run=show)]
