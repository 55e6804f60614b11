"""What people look at: pictures of a recording, and a report in one HTML file that needs no network."""

from seqae.report.drawing import save_figure
from seqae.report.environment import environment
from seqae.report.figures import code_figure, loss_figure, signal_figure
from seqae.report.findings import headline
from seqae.report.report import Report, write_report

__all__ = [
    "Report",
    "code_figure",
    "environment",
    "headline",
    "loss_figure",
    "save_figure",
    "signal_figure",
    "write_report",
]
