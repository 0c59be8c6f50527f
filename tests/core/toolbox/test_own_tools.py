"""Every tool in the catalogue that is ours exists, under its name."""

from core.agent.tools.catalogue import CATALOGUE
from core.store.database import Store
from core.toolbox.own_tools import own_tools


def test_the_catalogue_and_the_tools_agree(sqlite_store: Store) -> None:
    tools = own_tools(sqlite_store)
    listed = [tool.name for tool in CATALOGUE.values() if not tool.at_provider]
    assert list(tools) == listed, "own_tools and CATALOGUE need the same tools in the same order"
    assert all(tool.name == name for name, tool in tools.items())
    assert [name for name, tool in tools.items() if len(tool.description) <= 30] == [], "say more in the docstring"
