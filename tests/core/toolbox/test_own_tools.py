"""Every tool in the catalogue that is ours exists, under its name."""

from core.agent.tools.catalogue import CATALOGUE
from core.store.database import Store
from core.toolbox.own_tools import own_tools


def test_the_catalogue_and_the_tools_agree(sqlite_store: Store) -> None:
    tools = own_tools(sqlite_store)
    assert list(tools) == [tool.name for tool in CATALOGUE.values() if not tool.at_provider]
    assert all(tool.name == name and len(tool.description) > 30 for name, tool in tools.items())
