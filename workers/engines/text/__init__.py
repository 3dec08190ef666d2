"""Text tools that several workers share: they need no network, and the offline baselines are made of them.

Packages: chardet, trafilatura, py3langid, yake (which brings segtok), regex, numpy.
"""
