"""The colours of all pictures: those of Okabe and Ito, which colour-blind readers distinguish too.

Masataka Okabe, Kei Ito, 2008: Color Universal Design. https://jfly.uni-koeln.de/color/
"""

SIGNAL = "#0072B2"
RECONSTRUCTION = "#E69F00"
ERROR = "#4A4A4A"
ALARM = "#D55E00"
FAULT = "#56B4E9"
ALARM_SHADE = "#FBE3D3"  # opaque, so that an alarm within a fault keeps its colour
FAULT_SHADE = "#DCEFFA"
THRESHOLD = "#D55E00"
INK = "#22303C"
FAINT = "#8795A1"
GRID = "#E6EAEE"

CLASSES = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#000000")

# From hardly visible to dark, in one hue, so that the scale also reads in grey.
HEAT = (
    "#FFF9F3", "#FEF0E2", "#FDE5CE", "#FBD8B7", "#F9C99D", "#F5B680", "#F0A162", "#E98A45",
    "#DF722B", "#D05C17", "#BB4A0D", "#A03C0A", "#84300A", "#68260A", "#4E1C08", "#371406",
)  # fmt: skip
