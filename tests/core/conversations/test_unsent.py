"""Messages that were not sent, on both databases."""

from dataclasses import replace

import pytest

from core.access.roles import Person
from core.conversations.unsent import Unsent, UnsentMessages
from core.store.database import Store
from tests.core.rows import Rows


@pytest.mark.parametrize("text", ["a\0b", "half \ud83d here", "\U0001f600 whole", "plain"])
def test_h3_a_message_that_cannot_be_sent_is_kept_to_the_letter(store: Store, text: str) -> None:
    by, unsent = Person(Rows(store).person("Ada"), "Ada", "operator"), UnsentMessages(store)
    message = Unsent(text, (), None, None, "Refused.", "change")
    unsent.keep(by, message)
    assert unsent.list(by) == [message]
    mended = replace(message, text="mended")
    unsent.keep(by, mended)
    assert unsent.list(by) == [mended]
