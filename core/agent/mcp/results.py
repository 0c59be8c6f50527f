"""What a server answers, as text for the model."""

import json
from collections.abc import Callable

from mcp.types import (
    AudioContent,
    BlobResourceContents,
    CallToolResult,
    ContentBlock,
    EmbeddedResource,
    ImageContent,
    ResourceLink,
    TextContent,
    TextResourceContents,
)

from core.errors import ToolError


def text_of(result: CallToolResult, redact: Callable[[str], str] = str) -> str:
    """Return the result's texts, and the kind and size of what is no text.

    ``redact`` takes out what nobody may be told. Raises ToolError if the tool says that it failed.
    """
    text = "\n".join(_block(block) for block in result.content)
    if not result.content and result.structured_content is not None:
        text = json.dumps(result.structured_content, ensure_ascii=False)
    text = redact(text)
    if result.is_error:
        raise ToolError(text or "The tool failed and did not say why.")
    return text


def _block(block: ContentBlock) -> str:
    match block:
        case TextContent(text=text):
            return text
        case ImageContent(data=data, mime_type=kind) | AudioContent(data=data, mime_type=kind):
            return _left_out(kind, data)
        case EmbeddedResource(resource=resource):
            return f"{resource.uri}: {_resource(resource)}"
        case ResourceLink(uri=uri, name=name):
            return f"[Link to {name}: {uri}]"


def _resource(resource: TextResourceContents | BlobResourceContents) -> str:
    if isinstance(resource, TextResourceContents):
        return resource.text
    return _left_out(resource.mime_type or "binary data", resource.blob)


def _left_out(kind: str, base64: str) -> str:
    size = len(base64) * 3 // 4 - base64[-2:].count("=")
    return f"[{kind}, {size:,} bytes, not shown]"
