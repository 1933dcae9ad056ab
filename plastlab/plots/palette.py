"""Colours that can be told apart on a white page and on JupyterLab's dark one (#111111).

Each has a contrast of at least 3 to 1 on both, and GREY, which text and axes are drawn in, at least
4.3. They follow Okabe and Ito's palette for colour-blind readers, darkened or lightened until they
meet these limits. The first five stay apart for red-green blind readers. Line styles repeat what
colour says, because colour alone is not enough.
"""

COLORS = {
    "blue": "#0072b2",
    "orange": "#d55e00",
    "green": "#009070",
    "pink": "#c2589c",
    "violet": "#7a6ae0",
    "ochre": "#8f7f00",
}
GREY = "#797979"
