"""A page, a call of the API, templates, a setting and a command."""

from collections.abc import Sequence
from pathlib import Path

from plughub import hookimpl
from plughub.handlers import APIHandler, PageHandler, needs_scope
from plughub.kinds import Command, HubContext, Page
from traitlets import Unicode
from traitlets.config import Config, Configurable


class NoticeBoard(Configurable):
    """The board."""

    text = Unicode("nothing new", help="What stands on the notice board.").tag(config=True)


class NoticePage(PageHandler):
    """The board as a page."""

    @needs_scope()
    async def get(self) -> None:
        """Show the board to whoever is logged in."""
        self.render_page("notices.html", text=boards[0].text, may_edit=self.may("admin-ui"))


class NoticeCall(APIHandler):
    """The board as a call of the API."""

    @needs_scope("read:hub")
    async def get(self) -> None:
        """Show the board to programs of admins."""
        self.answer({"text": boards[0].text, "reader": self.who.name if self.who else None})


boards = [NoticeBoard()]


@hookimpl
def hub_configure(context: HubContext) -> None:
    boards[:] = [NoticeBoard(config=context.config)]


@hookimpl
def hub_register_configurables() -> Sequence[type]:
    return [NoticeBoard]


@hookimpl
def hub_register_pages() -> Sequence[Page]:
    return [Page(path="/notices", handler=NoticePage), Page(path="/api/notices", handler=NoticeCall)]


@hookimpl
def hub_register_templates() -> Sequence[Path]:
    return [Path(__file__).parent / "templates"]


@hookimpl
def hub_register_commands(config: Config) -> Sequence[Command]:
    def show(_arguments: Sequence[str]) -> int:
        print(NoticeBoard(config=config).text)  # noqa: T201 - a command speaks
        return 0

    return [Command(name="notices", help="show what stands on the notice board", run=show)]
