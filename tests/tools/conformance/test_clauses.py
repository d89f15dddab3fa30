"""laserlink.tools.conformance.clauses: numbers in front of the rules of the document."""

import pytest

from laserlink.tools import wire_format
from laserlink.tools.conformance.clauses import CLAUSES, mark, text_of


def test_every_clause_stands_once_in_the_document() -> None:
    """The document has each number once, with an anchor, right before the words that open the clause."""
    text = wire_format.render()
    for clause in CLAUSES.values():
        label = f'<a id="{clause.id.lower()}"></a>**{clause.id}** {clause.opening}'
        assert text.count(label) == 1, clause.id


def test_rule_that_is_gone_is_said() -> None:
    """A document without a clause's opening words is refused, with the number of that clause."""
    with pytest.raises(ValueError, match="F1 opens 0 times"):
        mark("Nothing of it.")


def test_text_ends_with_its_rule() -> None:
    """The words of a clause are its own paragraph or list item, and no more."""
    assert text_of("J5") == "the channel is not that of the type: WRONG_CHANNEL;"
    assert text_of("R7") == "Damage is silent: bad bytes are counted and never answered."
    assert all(len(text_of(clause)) < 2000 for clause in CLAUSES)
