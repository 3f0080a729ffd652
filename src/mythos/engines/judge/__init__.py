"""One closed run, judged: rulings, alignment, risk, and the evidence rows they become.

The one place where policy and conformance meet. Sidecar, central intake and `mythos audit` all
judge here, so equal spans give equal evidence wherever they are judged.
"""
