"""libcurl's errors in our words: the same ones each time, without the URL, for they are counted by them."""

import errno
import os

import pycurl

from wit_pipeline.fetch.failure import FetchError
from wit_pipeline.fetch.guard import Target
from wit_pipeline.vocabulary.crawl_config import SLOW_SECONDS
from wit_pipeline.vocabulary.records import Reason

TLS_FAILURES = {35, 51, 53, 54, 58, 59, 60, 66, 77, 80, 82, 83, 90, 91}  # CURLE_SSL_…, in <curl/curl.h>


def failure_of(
    handle: pycurl.Curl, code: int, message: str, target: Target, status: int, late: FetchError
) -> FetchError:
    """What an error is; `status`: of the head that came, or 0; `late`: what is said where only time is up."""
    if code == pycurl.E_OPERATION_TIMEDOUT:
        return _timeout(handle, message, target, late)
    if code in TLS_FAILURES:
        return FetchError(Reason.TLS_ERROR, f"{target.authority}: {_of_tls(handle, code, message)}")
    if code == pycurl.E_COULDNT_CONNECT:
        number = handle.getinfo(pycurl.OS_ERRNO)
        why = os.strerror(number).lower() if number else "not reached"
        return FetchError(Reason.CONNECT_ERROR, f"{target.authority}: {why}")
    if code == pycurl.E_COULDNT_RESOLVE_HOST:
        return FetchError(Reason.DNS_ERROR, f"{target.host}: no address")
    if code == pycurl.E_GOT_NOTHING:
        detail = f"{target.authority}: closed without an answer"
        return FetchError(Reason.CONNECT_ERROR, detail, retry_after=0)
    if code == pycurl.E_SEND_ERROR or (code == pycurl.E_RECV_ERROR and _is_lost(handle, message)):
        return FetchError(Reason.CONNECT_ERROR, f"{target.authority}: connection reset", retry_after=0)
    if code == pycurl.E_PARTIAL_FILE:
        return FetchError(Reason.PROTOCOL_ERROR, "body ends before its declared length", http_status=status)
    return FetchError(Reason.PROTOCOL_ERROR, _short(message), http_status=status)


def _timeout(handle: pycurl.Curl, message: str, target: Target, late: FetchError) -> FetchError:
    if not handle.getinfo(pycurl.PRETRANSFER_TIME_T):
        if handle.getinfo(pycurl.CONNECT_TIME_T):
            return FetchError(Reason.TIMEOUT, f"{target.authority}: TLS handshake not done in time")
        return FetchError(Reason.TIMEOUT, f"{target.authority}: not accepted in time", retry_after=0)
    if "too slow" in message:
        return FetchError(Reason.TIMEOUT, f"too slow over {SLOW_SECONDS:g} s")
    return late


def _is_lost(handle: pycurl.Curl, message: str) -> bool:
    """Whether the kernel took the connection away; of malformed bytes libcurl uses the same code."""
    said = message.lower()
    return handle.getinfo(pycurl.OS_ERRNO) == errno.ECONNRESET or "reset" in said or "recv failure" in said


def _of_tls(handle: pycurl.Curl, code: int, message: str) -> str:
    if code == pycurl.E_PEER_FAILED_VERIFICATION:
        return f"certificate not valid: {_short(message.rpartition(':')[2])}"
    return _short(message.rpartition(":")[2]) or "no TLS spoken"


def _short(message: str) -> str:
    return " ".join(message.split()).lower()[:120]
