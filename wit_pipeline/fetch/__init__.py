"""What may be asked of whom, and how politely; the one room that opens sockets.

In: addresses, and `[crawl]`. Out: answers (`client`), or a FetchError with its reason. `guard` says what an
address is and whether it may be connected to, `sites`, `robots`, `reservations`, `licences` and `optout` what
a site allows (`groups` and `patterns` are what its files share), `polite`, `pace` and `doors` when it may be
asked, `wire` and `head` how. Imports the vocabulary alone.
"""
