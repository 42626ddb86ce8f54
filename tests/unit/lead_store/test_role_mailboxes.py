"""Which addresses are those of a role."""

import pytest
from lead_store.domain.addresses import address_key
from lead_store.domain.role_mailboxes import ROLES, is_role_mailbox


@pytest.mark.parametrize(
    "address",
    [
        *("info@x.org", "Sales@x.org", "office@x.org", "no-reply@x.org", "customer.service@x.org", "sales+web@x.org"),
        *("büro@x.de", "buero@x.de", "comptabilité@x.fr", "atencion_al_cliente@x.es", "försäljning@x.se"),
        *("abuse@x.org", "postmaster@x.org", "hostmaster@x.org", "webmaster@x.org", "noc@x.org", "security@x.org"),
    ],
)
def test_a_role_has_its_mailbox_in_many_languages(address: str) -> None:
    """However it is written, with separators, accents or a tag."""
    assert is_role_mailbox(address_key(address))


@pytest.mark.parametrize(
    "address", ["ada@info.org", "informant@x.org", "ada.sales@x.org", "info", "@x.org", "", "+info@x.org", "i@x.org"]
)
def test_other_addresses_are_those_of_people(address: str) -> None:
    """A name that only holds such a word is somebody's."""
    assert not is_role_mailbox(address_key(address))


def test_the_list_is_written_as_it_is_compared() -> None:
    """Without capitals, accents and separators."""
    assert all(word.isascii() and word.isalpha() and word.islower() for word in ROLES)
