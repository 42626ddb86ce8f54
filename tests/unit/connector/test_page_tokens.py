import base64
import contextlib

from crm_connector.domain.errors import InvalidError
from crm_connector.rpc.mapping import page_start, page_token
from hypothesis import given
from hypothesis import strategies as st


@given(
    st.text(st.characters(exclude_categories=["Cs"]))
    | st.binary().map(lambda some: base64.urlsafe_b64encode(some).decode())
)
def test_a_forged_page_token_is_refused_or_a_text(token: str) -> None:
    """Whatever a caller makes of a token, it is refused, or read as a text that a query takes."""
    with contextlib.suppress(InvalidError):
        page_start(token).encode()


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_a_page_token_comes_back(last_id: str) -> None:
    """A page begins after the id that its token was made of."""
    assert page_start(page_token(last_id)) == last_id
