"""Charts as pure functions: values in, labelled SVG out. No inline style, no script."""
