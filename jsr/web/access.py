"""Who may use the server: one user, by one page, on one machine.

another machine          reaches no port: the server is bound to 127.0.0.1
another user             has no token, without which there is the bare page alone
a page of another site   is known by its origin, or, where its name was made to mean this machine, by the host
"""

import secrets
from email.message import Message
from http import HTTPStatus

ADDRESS = "127.0.0.1"
NEEDS_TOKEN = "open the address that jsr serve printed"


class Refusal(Exception):
    """Ends a request with a status and a line for the user."""

    def __init__(self, status: HTTPStatus, line: str) -> None:
        super().__init__(line)
        self.status = status


class Access:
    """The secrets of one server, and the checks of a request's headers."""

    def __init__(self, port: int) -> None:
        self._token = secrets.token_urlsafe(32)
        self._key: str | None = secrets.token_urlsafe(32)  # None after its use
        self._site = f"http://{ADDRESS}:{port}"
        self._hosts = (f"{ADDRESS}:{port}", f"localhost:{port}")

    @property
    def address(self) -> str:
        """The address of the page, with the token; browsers keep what follows the hash to themselves."""
        return f"{self._site}/#token={self._token}"

    @property
    def address_for_once(self) -> str:
        """The address that opens the page once, for a browser's command, which other users of the machine see."""
        return f"{self._site}/#key={self._key}"

    def check_site(self, headers: Message) -> None:
        """Lets requests of our page pass, and those of no page, such as one for the page itself.

        Raises:
          Refusal: another host's name, or another page's origin.
        """
        hosts = headers.get_all("Host", [])
        if len(hosts) != 1 or hosts[0].lower() not in self._hosts:
            raise Refusal(HTTPStatus.MISDIRECTED_REQUEST, f"expected the host {' or '.join(self._hosts)}")
        origins, sites = headers.get_all("Origin", []), headers.get_all("Sec-Fetch-Site", [])
        if not set(origins) <= {f"http://{host}" for host in self._hosts}:
            raise Refusal(HTTPStatus.FORBIDDEN, "another page sent this request")
        if not set(sites) <= {"same-origin", "none"}:
            raise Refusal(HTTPStatus.FORBIDDEN, "another page sent this request")

    def check_token(self, headers: Message) -> None:
        """Lets requests with the token pass.

        Raises:
          Refusal: without it.
        """
        if not _is_equal(headers.get("X-Token", ""), self._token):
            raise Refusal(HTTPStatus.FORBIDDEN, NEEDS_TOKEN)

    def exchange(self, headers: Message) -> str:
        """Returns the token for the key, once.

        Raises:
          Refusal: another key, or a second time.
        """
        if self._key is None or not _is_equal(headers.get("X-Token", ""), self._key):
            raise Refusal(HTTPStatus.FORBIDDEN, NEEDS_TOKEN)
        self._key = None
        return self._token


def _is_equal(text: str, secret: str) -> bool:
    """Compares in a time that does not tell how much of a secret was right; the text may be anything."""
    return secrets.compare_digest(text.encode(errors="replace"), secret.encode())
