"""Fetches a public web page for a caller who must not reach anything else through this worker."""

from __future__ import annotations

import logging
import socket
import time
from dataclasses import dataclass
from email.message import Message

import requests
from requests.exceptions import InvalidSchema, InvalidURL, TooManyRedirects
from requests_hardened import Config, HTTPSession
from requests_hardened.ip_filter import InvalidIPAddress

from workers.runtime import BadInput

SECONDS = 20.0  # for the whole page, redirects included
REDIRECTS = 5
KINDS = frozenset({"text/html", "application/xhtml+xml", "text/plain"})
PASSING = frozenset({408, 425, 429})  # and every 5xx

logging.getLogger("requests_hardened").setLevel(logging.CRITICAL)  # it would log the caller's URL


class PageUnavailable(Exception):
    """The page's server is down, busy or too slow; another attempt may succeed."""


@dataclass(frozen=True)
class Page:
    """url: after redirects. charset: from the Content-Type header."""

    url: str
    data: bytes
    charset: str | None


def fetch(url: str, *, max_bytes: int, seconds: float = SECONDS, allow_loopback: bool = False) -> Page:
    """The page at `url`.

    The address is checked as resolved for the connection, at each redirect, so neither a redirect nor a second DNS
    answer leads to a private, link-local or loopback address. No proxy and no credentials of this machine are used.
    BadInput for what another attempt would not change, PageUnavailable otherwise.
    """
    hardened = Config(
        ip_filter_enable=True,
        ip_filter_allow_loopback_ips=allow_loopback,
        never_redirect=False,
        default_timeout=(5, seconds),
        user_agent_override="serverless-batch (meta_desc_generator)",
    )
    end = time.monotonic() + seconds
    with HTTPSession(hardened) as session:
        session.trust_env = False
        session.max_redirects = REDIRECTS
        try:
            with session.get(url, stream=True, headers={"Accept": "text/html, text/plain;q=0.9"}) as response:
                charset = _charset(response)
                return Page(response.url, _body(response, max_bytes, end), charset)
        except InvalidIPAddress as error:
            raise BadInput("the URL leads to an address that is not public") from error
        except TooManyRedirects as error:
            raise BadInput(f"the URL redirects more than {REDIRECTS} times") from error
        except (InvalidSchema, InvalidURL, UnicodeError) as error:
            raise BadInput("the URL, or one that it redirects to, is not a valid http or https URL") from error
        except requests.RequestException as error:
            if isinstance(error.__cause__, socket.gaierror) and error.__cause__.errno != socket.EAI_AGAIN:
                raise BadInput("the host of the URL does not exist") from error
            raise PageUnavailable(f"the page could not be fetched: {type(error).__name__}") from error


def _charset(response: requests.Response) -> str | None:
    """The charset that the answer declares, once its status and kind are found fit."""
    if response.status_code in PASSING or response.status_code >= 500:
        raise PageUnavailable(f"the page's server answered HTTP {response.status_code}")
    if response.status_code != 200:
        raise BadInput(f"the URL answers with HTTP {response.status_code}")
    header = Message()
    header["Content-Type"] = response.headers.get("Content-Type", "text/html")
    if header.get_content_type() not in KINDS:
        raise BadInput(f"the URL leads to {header.get_content_type()}, not to a page")
    return header.get_content_charset()


def _body(response: requests.Response, max_bytes: int, end: float) -> bytes:
    body = bytearray()
    for chunk in response.iter_content(64 * 1024):  # decompressed, so a bomb is counted as what it becomes
        body += chunk
        if len(body) > max_bytes:
            raise BadInput(f"the page is larger than {max_bytes // 1024**2} MB")
        if time.monotonic() > end:
            raise PageUnavailable("the page's server is too slow")
    return bytes(body)
