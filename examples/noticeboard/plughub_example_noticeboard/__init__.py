"""Plugin with a page, an API call, templates, a style sheet, a setting and a command."""

from collections.abc import Sequence
from pathlib import Path

from plughub import hookimpl
from plughub.handlers import APIHandler, PageHandler, needs_scope
from plughub.kinds import Command, HubContext, Page
from traitlets import Unicode
from traitlets.config import Config, Configurable


class NoticeBoard(Configurable):
    """Notice board."""

    text = Unicode("nothing new", help="Text of the notice board.").tag(config=True)


class NoticePage(PageHandler):
    """Page with the notice."""

    @needs_scope()
    async def get(self) -> None:
        """Show the notice to logged-in users."""
        self.render_page("notices.html", text=boards[0].text, may_edit=self.may("admin-ui"))


class NoticeCall(APIHandler):
    """API call for the notice."""

    @needs_scope("read:hub")
    async def get(self) -> None:
        """Return the notice to programs with the scope ``read:hub``."""
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
def hub_register_static() -> Sequence[Path]:
    return [Path(__file__).parent / "static"]


@hookimpl
def hub_register_commands(config: Config) -> Sequence[Command]:
    def show(_arguments: Sequence[str]) -> int:
        print(NoticeBoard(config=config).text)  # noqa: T201 - output of the command
        return 0

    return [Command(name="notices", help="print the text of the notice board", run=show)]
