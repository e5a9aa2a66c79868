"""Sources that ask servers: pages and sitemaps, Wikimedia Commons, Openverse. As polite as the crawl.

In: what a recipe lists, and a client of `fetch`. Out: raws, as every source gives them.
"""
