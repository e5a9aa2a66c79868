"""One request over libcurl, and what comes of it: no address is judged and no host waited for here.

In: a request that may be made, to an address that may be connected to. Out: a whole `reply` with its head
(`head`) and its body unpacked within bounds (`inflate`), or a FetchError in our words (`curl_failure`).
`wire` has many under way at once.
"""
