"""The book's interactive figure: one call, three renderings.

A live kernel shows widgets and draws anew at each move. Where a program runs
the notebook, as for an HTML page, all frames are drawn in advance, as SVG that
takes the page's colours, under native controls that need no kernel and no
network. Everything else, such as a PDF, shows the first frame.
"""

import base64
import html
import io
import itertools
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import ipywidgets
import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

from . import arguments, kernel, svg

# Drawing a frame takes about a tenth of a second, and pages shall be light.
MOST_FRAMES = 320
MOST_BYTES = 500_000

RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")

PAGE = """\
<div class="explorer" role="group" aria-label="{name}">
{first}
<p class="explorer-readout" aria-live="polite">{readout}</p>
<div class="explorer-controls" hidden>
{controls}
</div>
<noscript><p>The controls need JavaScript. This is the first frame.</p>\
</noscript>
<script type="application/json">{data}</script>
<script>{script}</script>
</div>"""

RANGE = """\
<label><span>{label}</span>
<input type="range" min="0" max="{last}" step="1" value="{start}" \
aria-valuetext="{value}" autocomplete="off">
<span class="explorer-value" aria-hidden="true">{value}</span></label>"""

SELECT = """\
<label><span>{label}</span>
<select autocomplete="off">{options}</select></label>"""

SCRIPT = """
(root => {
  const data = JSON.parse(root.querySelector("script[type]").textContent);
  const controls = [...root.querySelectorAll("input, select")];
  const pictures = root.querySelectorAll(".explorer-frame");
  const show = () => {
    const positions = controls.map(control =>
      control.selectedIndex ?? Number(control.value));
    const frame = positions.reduce(
      (index, position, i) => index * data.values[i].length + position, 0);
    controls.forEach((control, i) => {
      if (control.type !== "range") return;
      const value = data.values[i][positions[i]];
      control.setAttribute("aria-valuetext", value);
      control.parentElement.querySelector(".explorer-value").textContent =
        value;
    });
    [data, data.phone].slice(0, pictures.length).forEach((form, i) => {
      pictures[i].lastElementChild.innerHTML =
        form.frames[frame].map(number => form.elements[number]).join("");
    });
    root.querySelector(".explorer-readout").textContent = data.readouts[frame];
  };
  controls.forEach(control => control.addEventListener("input", show));
  root.querySelector(".explorer-controls").hidden = false;
})(document.currentScript.parentElement);
"""


@dataclass(frozen=True)
class Control:
    """One control of an explorer.

    Parameters
    ----------
    label : str
        What the reader sees beside the control.
    values : sequence of float or sequence of str
        Numbers make a slider, strings a menu.
    start : float or str
        The value shown first, one of `values`.
    form : str or callable
        How numbers are written: a format specification such as ``"+.1f"``,
        or a function that writes one, such as `fraction`.

    Examples
    --------
    >>> Control("bias b", [-1, 0, 1], start=0, form="+.1f").texts
    ('-1.0', '+0.0', '+1.0')
    >>> Control("rate", [0.03125, 2], start=2, form=fraction).texts
    ('1/32', '2')
    """

    label: str
    values: tuple
    start: object
    form: str | Callable = "g"

    def __post_init__(self):
        values = np.asarray(self.values)
        if (
            values.ndim != 1
            or len(values) < 2
            or values.dtype.kind not in ("iufU")
        ):
            raise ValueError(
                f"values of {self.label!r} must be two or more numbers or "
                f"two or more strings, such as [-1, 0, 1], got {self.values!r}"
            )
        object.__setattr__(self, "values", tuple(values.tolist()))
        if self.start not in self.values:
            raise ValueError(
                f"start of {self.label!r} must be one of {self.values}, "
                f"got {self.start!r}"
            )

    @property
    def is_menu(self):
        """Whether the control is a menu of names."""
        return isinstance(self.values[0], str)

    @property
    def texts(self):
        """The values as the reader sees them."""
        if self.is_menu:
            return self.values
        if callable(self.form):
            return tuple(map(self.form, self.values))
        return tuple(format(value, self.form) for value in self.values)


def scientific(value):
    """Return a number with two figures and a power of ten, for a sentence.

    Parameters
    ----------
    value : float
        A number, not 0.

    Returns
    -------
    str
        The number as a reader writes it, in one piece.

    Examples
    --------
    >>> scientific(2.2e-25).replace("\N{NO-BREAK SPACE}", "_")
    '2.2_×_10⁻²⁵'
    """
    figures, power = f"{value:.1e}".split("e")
    raised = str(int(power)).translate(RAISED)
    return f"{figures}\N{NO-BREAK SPACE}×\N{NO-BREAK SPACE}10{raised}"


def fraction(value):
    """Return a number as a fraction, for a sentence or a label.

    Parameters
    ----------
    value : float
        A number, such as a power of 2.

    Returns
    -------
    str
        The number as a reader writes it.

    Examples
    --------
    >>> fraction(0.03125), fraction(8.0)
    ('1/32', '8')
    """
    return str(Fraction(value))


class Explorer:
    """Show a drawing that answers to one or two controls.

    Parameters
    ----------
    draw : callable
        ``draw(fig, **values)`` draws on the empty figure `fig` and returns
        one sentence that reads the drawing. The sentence stands under the
        picture and is announced to a screen reader.
    alt : str
        What the picture shows, whatever the controls say.
    figsize : (float, float), optional
        Width and height of the figure in inches; matplotlib's by default.
    **controls : Control
        One or two controls, named as the arguments of `draw`.

    Raises
    ------
    ValueError
        If there are no or more than two controls, more than 320 frames, or
        more than 500 kB of frames.

    Examples
    --------
    >>> def draw(fig, slope):
    ...     fig.subplots().plot([0, 1], [0, slope])
    ...     return f"The line rises to {slope}."
    >>> Explorer(draw, "A line through the origin.",
    ...          slope=Control("slope", [1, 2, 3], start=2))
    Explorer of slope (3 values): The line rises to 2.
    """

    def __init__(self, draw, alt, figsize=None, **controls):
        for name, control in controls.items():
            arguments.instance(
                name,
                control,
                Control,
                "a Control such as Control('slope', [1, 2], start=1)",
            )
        count = int(np.prod([len(c.values) for c in controls.values()]))
        if len(controls) not in (1, 2) or count > MOST_FRAMES:
            raise ValueError(
                f"an explorer wants one or two controls and at most "
                f"{MOST_FRAMES} frames, got {len(controls)} controls and "
                f"{count} frames"
            )
        self.draw, self.alt, self.figsize = draw, alt, figsize
        self.controls = controls
        self._start = {name: c.start for name, c in controls.items()}

    def __repr__(self):
        return self._text(self._frame(self._start, lambda fig: None)[1])

    def _text(self, readout):
        names = " and ".join(
            f"{c.label} ({len(c.values)} values)"
            for c in self.controls.values()
        )
        return f"Explorer of {names}: {readout}"

    def _frame(self, values, use):
        """Draw one frame; return what `use` makes of it, and its sentence."""
        fig = plt.figure(figsize=self.figsize)
        try:
            readout = self.draw(fig, **values)
            arguments.instance(
                "what draw returns",
                readout,
                str,
                "one sentence about the drawing, such as 'The slope is 2.'",
            )
            return use(fig), readout
        finally:
            plt.close(fig)

    # Not _repr_html_, which IPython calls whether the page is wanted or not.
    def page(self):
        """Return the frames of all values and their controls as HTML.

        Returns
        -------
        str
            A piece of a page that needs nothing else.

        Raises
        ------
        ValueError
            If the frames take more than 500 kB.
        """
        drawings, frames, readouts = (svg.Drawing(), svg.Drawing()), [], []
        adds = [drawing.add for drawing in drawings]
        for values in itertools.product(
            *(control.values for control in self.controls.values())
        ):
            chosen = dict(zip(self.controls, values))
            forms, readout = self._frame(
                chosen, lambda fig: svg.forms(fig, *adds)
            )
            frames.append(forms)
            readouts.append(readout)
        first = 0
        for control in self.controls.values():
            place = control.values.index(control.start)
            first = first * len(control.values) + place
        attributes = (
            ' class="explorer-frame" role="img" '
            f'aria-label="{html.escape(self.alt)}"'
        )
        desk, *phone = [
            _shared(drawing, of_form, first, attributes + mark)
            for drawing, of_form, mark in zip(
                drawings, zip(*frames), svg.MARKS
            )
        ]
        pictures = [form.pop("picture") for form in (desk, *phone)]
        data = json.dumps(
            {
                **desk,
                "phone": phone[0] if phone else None,
                "readouts": readouts,
                "values": [c.texts for c in self.controls.values()],
            },
            separators=(",", ":"),
            ensure_ascii=False,
        )
        if len(data) > MOST_BYTES:
            raise ValueError(
                f"the frames take {len(data)} bytes, at most {MOST_BYTES} are "
                "wanted: take fewer values or draw fewer points"
            )
        labels = [c.label for c in self.controls.values()]
        return PAGE.format(
            name=html.escape("Explorer: " + " and ".join(labels)),
            first="\n".join(pictures),
            readout=html.escape(readouts[first]),
            controls="\n".join(map(_page_control, self.controls.values())),
            data=re.sub("<(?=[/!])", r"\\u003c", data),
            script=SCRIPT,
        )

    def _widget(self):
        """Make live controls; moving one draws again."""
        inches = self.figsize or plt.rcParams["figure.figsize"]
        width = inches[0] * plt.rcParams["figure.dpi"]
        picture = ipywidgets.Image(
            format="png", layout={"width": f"{width:g}px", "max_width": "100%"}
        )
        readout = ipywidgets.Label()
        controls = {n: _live(c) for n, c in self.controls.items()}

        def show(change=None):
            values = {name: c.value for name, c in controls.items()}
            picture.value, readout.value = self._frame(values, _png)

        for control in controls.values():
            control.observe(show, names="value")
        show()
        return ipywidgets.VBox([picture, readout, *controls.values()])

    def _repr_mimebundle_(self, include=None, exclude=None):
        widget = self._widget()
        picture, readout = widget.children[:2]
        bundle = {
            **widget._repr_mimebundle_(),
            "image/png": base64.b64encode(picture.value).decode(),
            "text/plain": self._text(readout.value),
        }
        # A person moves the live controls, and waits for nothing else.
        if not kernel.person_watches():
            bundle["text/html"] = self.page()
        return bundle


def _shared(drawing, frames, first, attributes):
    """Return frames of one form, with what several show written once."""
    numbers = {}
    for element in itertools.chain.from_iterable(frames):
        numbers.setdefault(element, len(numbers))
    picture, *elements = svg.own_names(
        [drawing.svg(frames[first], attributes), *numbers]
    )
    frames = [[numbers[element] for element in frame] for frame in frames]
    return {"picture": picture, "elements": elements, "frames": frames}


def _png(fig):
    """Return a figure as the bytes of a PNG file."""
    fig.canvas.draw()
    picture = Image.fromarray(np.asarray(fig.canvas.buffer_rgba()))
    picture = picture.convert("RGB").quantize(48, dither=Image.Dither.NONE)
    file = io.BytesIO()
    picture.save(file, "png", optimize=True)
    return file.getvalue()


def _live(control):
    """Make one control as a widget."""
    kind = ipywidgets.SelectionSlider
    if control.is_menu:
        kind = ipywidgets.Dropdown
    return kind(
        options=list(zip(control.texts, control.values)),
        value=control.start,
        description=control.label,
        style={"description_width": "initial"},
    )


def _page_control(control):
    """Write one control as HTML."""
    label = html.escape(control.label)
    start = control.values.index(control.start)
    if control.is_menu:
        options = "".join(
            f"<option{' selected' if i == start else ''}>"
            f"{html.escape(text)}</option>"
            for i, text in enumerate(control.texts)
        )
        return SELECT.format(label=label, options=options)
    return RANGE.format(
        label=label,
        last=len(control.values) - 1,
        start=start,
        value=html.escape(control.texts[start]),
    )
