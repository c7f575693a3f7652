"""The results as one page with plots: HTML and SVG, nothing from elsewhere.

SPDX-License-Identifier: MIT
"""
import html
import math

from results import number

STYLE = """
body { font: 15px/1.4 system-ui, sans-serif; max-width: 62em; margin: 2em auto; padding: 0 1em; color: #222; background: #fff; }
table { border-collapse: collapse; margin: .5em 0 1.5em; } td, th { padding: .15em .8em; text-align: right; border-bottom: 1px solid #ddd; }
td:first-child, th:first-child { text-align: left; } .met { color: #17692b; } .missed { color: #a11; font-weight: bold; }
svg text { font: 12px system-ui, sans-serif; fill: currentColor; } h2 { margin-top: 2em; }
@media (prefers-color-scheme: dark) { body { color: #ddd; background: #181818; } td, th { border-color: #444; } .met { color: #6c9; } .missed { color: #f77; } }
"""
FIGURES = {"cpu_us": "CPU microseconds per operation, all processes of the server", "pss": "bytes of memory (PSS) per session",
           "calls": "system calls per operation"}
COLOURS = ["#2a6fbb", "#c4622d", "#3a8f4d", "#8a4fa3", "#a08a1f", "#777", "#444"]
LATENCIES = [("p50_us", "p50"), ("p99_us", "p99"), ("p999_us", "p99.9"), ("max_us", "max")]


def bars(rows):
    """Rows of (name, median, minimum): a bar to the median, a mark at the minimum."""
    longest = max(value for _, value, _ in rows) or 1
    parts = []
    for i, (name, value, least) in enumerate(rows):
        y, colour = 24 * i, COLOURS[0] if name.startswith("nxb") else COLOURS[5]
        width, mark = 420 * value / longest, 150 + 420 * least / longest
        parts.append(f'<text x="144" y="{y + 15}" text-anchor="end">{html.escape(name)}</text>'
                     f'<rect x="150" y="{y + 3}" width="{width:.1f}" height="16" fill="{colour}"/>'
                     f'<path d="M{mark:.1f} {y + 1}v20" stroke="currentColor"/>'
                     f'<text x="{156 + width:.1f}" y="{y + 15}">{number(value, 1)}</text>')
    return f'<svg width="660" height="{24 * len(rows)}" role="img">{"".join(parts)}</svg>'


def curves(rows):
    """Rows of (name, latencies): one line each over p50 to max, on a scale where each step is ten times as long."""
    low = math.floor(math.log10(max(1, min(min(values) for _, values in rows))))
    high = math.ceil(math.log10(max(max(values) for _, values in rows) + 1))
    high = max(high, low + 1)

    def x(i):
        return 70 + 110 * i

    def y(value):
        return 200 - 180 * (math.log10(max(value, 1)) - low) / (high - low)
    parts = [f'<text x="{x(i)}" y="222" text-anchor="middle">{name}</text>' for i, (_, name) in enumerate(LATENCIES)]
    for power in range(low, high + 1):
        parts.append(f'<path d="M60 {y(10 ** power):.1f}h360" stroke="#8884"/><text x="54" y="{y(10 ** power) + 4:.1f}" text-anchor="end">'
                     f'{number(10 ** power / 1000, max(0, 3 - power))} ms</text>')
    for i, (name, values) in enumerate(rows):
        colour = COLOURS[i % len(COLOURS)]
        points = " ".join(f"{x(j)},{y(value):.1f}" for j, value in enumerate(values))
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>'
                     f'<rect x="440" y="{20 * i + 10}" width="12" height="12" fill="{colour}"/><text x="458" y="{20 * i + 20}">{html.escape(name)}</text>')
    return f'<svg width="660" height="{max(230, 20 * len(rows) + 20)}" role="img">{"".join(parts)}</svg>'


def section(work, results):
    servers, figure = results.rounds[work.name], results.compared(work.name)
    rows = [(name, results.median(work.name, name, figure), results.minimum(work.name, name, figure)) for name in servers]
    yield f"<h2>{html.escape(work.title)}</h2><p>{FIGURES[figure]}; the mark is the best round.</p>{bars(rows)}"
    latencies = [(name, [results.median(work.name, name, one) for one, _ in LATENCIES]) for name in servers]
    latencies = [row for row in latencies if None not in row[1]]
    if latencies:
        yield f"<p>Latency, median of the rounds:</p>{curves(latencies)}"


def target_table(rows):
    if not rows:
        return
    yield "<h2>Targets</h2><table><tr><th></th><th>at most</th><th>measured</th><th></th></tr>"
    for row in rows:
        value = number(row.value, 0 if row.unit else 2)
        yield (f"<tr><td>{html.escape(row.text)}</td><td>{row.limit:g} {row.unit}</td><td>{value} {row.unit}</td>"
               f'<td class="{row.verdict().replace(" ", "-")}">{row.verdict()}</td></tr>')
    yield "</table>"


def page(facts, works, results, rows):
    parts = [f"<!doctype html><html lang='en'><meta charset='utf-8'><title>nxb: what it costs</title><style>{STYLE}</style><h1>nxb: what it costs</h1>",
             "<p>" + html.escape(", ".join(f"{name} {value}" for name, value in facts.items())) + "</p>", *target_table(rows)]
    for work in works:
        if work.name in results.rounds:
            parts += section(work, results)
    parts += [f"<p>Absent: {html.escape(name)}: {html.escape(why)}</p>" for name, why in results.absent.items()]
    parts += [f"<p class='missed'>Failed: {html.escape(' '.join(failure))}</p>" for failure in results.failures]
    return "\n".join(parts) + "</html>\n"
