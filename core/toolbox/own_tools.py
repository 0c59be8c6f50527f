"""The tools that run in this process, by name."""

from collections.abc import Mapping

from core.agent.tools.calculator import calculator
from core.agent.tools.current_time import current_time
from core.agent.tools.fetch_url import fetch_url
from core.agent.tools.tool import Tool
from core.agent.tools.typed import typed_tool
from core.store.database import Store
from core.toolbox.query_costs import query_costs


def own_tools(store: Store) -> Mapping[str, Tool]:
    """Return one tool for each entry of the catalogue that is not the provider's."""
    tools = (typed_tool(calculator), typed_tool(current_time), fetch_url(), query_costs(store))
    return {tool.name: tool for tool in tools}
