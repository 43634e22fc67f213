import base64

from imagine.core.links import new_token


def test_link_token_has_192_random_bits():
    tokens = {new_token() for _ in range(1000)}
    assert len(tokens) == 1000
    assert {len(base64.urlsafe_b64decode(token)) * 8 for token in tokens} == {192}
