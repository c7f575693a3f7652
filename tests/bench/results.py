"""What was measured: for each work and server the figures of each round; and the table of it.

SPDX-License-Identifier: MIT
"""
import statistics

# (name in the figures, heading, digits after the point)
COLUMNS = [("cpu_us", "CPU us", 1), ("per_second", "per second", 0), ("p50_us", "p50 us", 0), ("p99_us", "p99 us", 0),
           ("p999_us", "p99.9 us", 0), ("max_us", "max us", 0), ("pss", "PSS B", 0), ("socket_memory", "kernel B", 0), ("calls", "calls", 2)]
# What is compared, by the first of these that a work has.
COMPARED = ["cpu_us", "pss", "calls"]


class Results:
    def __init__(self):
        self.rounds = {}    # work -> server -> list of figures
        self.failures = []  # (work, server, why)
        self.absent = {}    # server -> why

    def add(self, work, server, figures):
        self.rounds.setdefault(work, {}).setdefault(server, []).append(figures)

    def values(self, work, server, figure):
        return [one[figure] for one in self.rounds.get(work, {}).get(server, []) if figure in one]

    def median(self, work, server, figure):
        """None: it was not measured."""
        values = self.values(work, server, figure)
        return statistics.median(values) if values else None

    def minimum(self, work, server, figure):
        return min(self.values(work, server, figure), default=None)

    def compared(self, work):
        """The figure by which its servers are compared."""
        any_server = next(iter(self.rounds[work].values()))
        return next((figure for figure in COMPARED if figure in any_server[0]), None)

    def table(self, works):
        """Medians, with the minimum and the ratio to the first server of the figure that is compared."""
        for work in works:
            if work.name in self.rounds:
                yield from self.table_of(work)

    def table_of(self, work):
        servers, compared = self.rounds[work.name], self.compared(work.name)
        shown = [column for column in COLUMNS if any(self.values(work.name, server, column[0]) for server in servers)]
        rows = [["", *(heading for _, heading, _ in shown), "minimum", "ratio"]]
        base = self.median(work.name, next(iter(servers)), compared)
        for server in servers:
            cells = [number(self.median(work.name, server, name), digits) for name, _, digits in shown]
            value = self.median(work.name, server, compared)
            rows.append([server, *cells, number(self.minimum(work.name, server, compared), 1), number(value / base if base else None, 2)])
        yield f"\n{work.title}  [{work.name}]"
        yield from aligned(rows)

    def as_json(self):
        return {"rounds": self.rounds, "failures": [" ".join(failure) for failure in self.failures], "absent": self.absent}


def number(value, digits):
    return "-" if value is None else f"{value:,.{digits}f}"


def aligned(rows):
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        yield "  " + "  ".join([row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:]))]).rstrip()
