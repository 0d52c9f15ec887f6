"""bench/page.py: `gamelan bench --html`: the JSON of a comparison on stdin, one self-contained HTML page on stdout.

Plots are matplotlib's SVG, put into the page as they are; no script, no font, no picture is fetched.
A suite: a dot plot of every row's ratios, time beside peak RSS. A command: its rounds, its ratios, its RSS over time.
"""
import html
import io
import json
import re
import sys

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt  # noqa: E402
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter  # noqa: E402

COLOURS = ["#0b7285", "#e8590c", "#5f3dc4", "#2b8a3e", "#c2255c", "#846358", "#1864ab"]
INK, FAINT, GRID = "#212529", "#868e96", "#e9ecef"
GROUPS = {"command": "Command", "program": "Our programs", "real": "Real programs", "micro": "Single operations",
          "start": "Start-up", "idle": "A program that waits"}
MIB = 1 << 20

plt.rcParams.update({
    "svg.fonttype": "none", "font.family": "sans-serif", "font.size": 10, "text.color": INK, "axes.edgecolor": GRID,
    "axes.labelcolor": FAINT, "xtick.color": FAINT, "ytick.color": INK, "axes.spines.top": False,
    "axes.spines.right": False, "axes.grid": True, "grid.color": GRID, "axes.axisbelow": True, "svg.hashsalt": "gamelan"})

STYLE = """
:root { --ink: #212529; --faint: #868e96; --line: #dee2e6; --good: #2b8a3e; --bad: #c92a2a; }
* { box-sizing: border-box; }
body { font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; color: var(--ink);
       margin: 0 auto; padding: 2rem 1.5rem 4rem; max-width: 72rem; background: #fff; }
h1 { font-size: 1.6rem; margin: 0 0 .25rem; } h2 { font-size: 1.15rem; margin: 2.5rem 0 .5rem; }
.verdict { font-size: 1.1rem; border-left: 4px solid #0b7285; background: #f1f8f9; padding: .75rem 1rem; margin: 1rem 0; }
.facts { color: var(--faint); margin: 0; padding: 0; list-style: none; font-size: .87rem; }
code { font: .87em/1.4 ui-monospace, "DejaVu Sans Mono", monospace; background: #f1f3f5; padding: .1em .35em;
       border-radius: 3px; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .87rem; width: 100%; }
th, td { padding: .3rem .6rem; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; } th { color: var(--faint); font-weight: 600; }
.less { color: var(--good); } .more { color: var(--bad); } .same { color: var(--faint); }
.spread { color: var(--faint); font-size: .9em; } .void { color: var(--bad); white-space: normal; text-align: left; }
svg { max-width: 100%; height: auto; display: block; margin: .5rem 0; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(30rem, 1fr)); gap: 1rem; }
"""


def main():
    report = json.load(sys.stdin)
    names = [a["name"] for a in report["allocators"]]
    report["colours"] = {name: COLOURS[i % len(COLOURS)] for i, name in enumerate(names)}
    sections = suite_sections(report) if report["suite"] else command_sections(report)
    sys.stdout.write(page(report, sections))


def page(report, sections):
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>gamelan bench: {text(title(report))}</title><style>{STYLE}</style></head><body>
<h1>{text(title(report))}</h1>
<p class="verdict">{text(report["verdict"])}</p>
<ul class="facts">{"".join(f"<li>{fact}</li>" for fact in facts(report))}</ul>
{"".join(sections)}
</body></html>
"""


def text(value):
    return html.escape(str(value))


def title(report):
    return "The bench suite" if report["suite"] else report["rows"][0]["name"]


def facts(report):
    machine = report["machine"]
    yield (f"{machine['processors']} × {text(machine['processor'])}, {machine['memory_gib']:.0f} GiB, Linux "
           f"{text(machine['kernel'])}, glibc {text(machine['glibc'])}, huge pages {text(machine['huge_pages'])}, "
           f"load {machine['load']:.2f}")
    for allocator in report["allocators"]:
        yield f"<b style='color:{report['colours'][allocator['name']]}'>■</b> {text(allocator['name'])}: {text(allocator['version'])}"
    yield from map(text, report["notes"])
    yield f"{report['rounds']} round{'s' * (report['rounds'] != 1)}, ratios to {text(report['baseline'])}; repeat by <code>{text(report['command'])}</code>"


# ---- a suite

def suite_sections(report):
    if report["summaries"]:
        yield section("Geometric means", summary_table(report))
    for group, heading in GROUPS.items():
        rows = [row for row in report["rows"] if row["group"] == group]
        if rows:
            yield section(heading, svg(ratio_plot(report, rows)) + table(report, rows))


def summary_table(report):
    lines = [f"<tr><td>{text(s['allocator'])} against {text(s['against'])}</td><td>{s['time']:.3f}</td>"
             f"<td>{s['peak']:.3f}</td><td>{s['rows']}</td></tr>" for s in report["summaries"]]
    return f"<table><tr><th></th><th>time</th><th>peak RSS</th><th>rows</th></tr>{''.join(lines)}</table>"


def ratio_plot(report, rows):
    """A line per row, a dot per allocator with the spread of its rounds; the peak beside the time where rows have one."""
    rows = [row for row in rows if row["entries"]]
    has_peak = any(e["peak_ratio"] for row in rows for e in row["entries"])
    figure, axes = plt.subplots(1, 2 if has_peak else 1, figsize=(11, 0.9 + 0.27 * len(rows)), sharey=True, squeeze=False)
    kinds = [("figure_ratio", "time" if has_peak else "figure"), ("peak_ratio", "peak RSS")]
    for axis, (key, label) in zip(axes[0], kinds):
        draw_ratios(report, rows, axis, key)
        axis.set_xlabel(f"{label}, {report['baseline']} = 1")
        axis.tick_params(axis="x", labeltop=len(rows) > 15, length=0)
    axes[0][0].set_yticks(range(len(rows)), [row["name"] for row in rows])
    axes[0][0].set_ylim(len(rows) - 0.4, -0.6)
    handles, labels = axes[0][0].get_legend_handles_labels()
    if handles:
        figure.legend(handles, labels, loc="upper center", ncol=len(labels), frameon=False)
    figure.tight_layout(rect=(0, 0, 1, 1 - 0.45 / figure.get_figheight()))
    return figure


def draw_ratios(report, rows, axis, key):
    axis.axvline(1, color=FAINT, linewidth=1)
    others = [a["name"] for a in report["allocators"] if a["name"] != report["baseline"]]
    seen = []
    for offset, name in enumerate(others):
        points = [(at, entry_of(row, name)[key]) for at, row in enumerate(rows) if (entry_of(row, name) or {}).get(key)]
        y = [at + 0.16 * (offset - (len(others) - 1) / 2) for at, _ in points]
        x = [ratio["median"] for _, ratio in points]
        axis.hlines(y, [r["min"] for _, r in points], [r["max"] for _, r in points], color=report["colours"][name],
                    linewidth=1.5, alpha=0.45)
        axis.plot(x, y, "o", color=report["colours"][name], markersize=4.5, label=name)
        seen += x
    logarithmic(axis, seen)


def logarithmic(axis, values):
    """A scale on which half and twice are equally far, with ticks that read as ratios."""
    values = [v for v in values if v > 0] or [1]
    low, high = min(values + [0.8]) / 1.12, max(values + [1.25]) * 1.12
    axis.set_xscale("log")
    axis.set_xlim(max(low, 0.02), min(high, 50))
    ticks = [0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 0.8, 0.9, 1, 1.1, 1.25, 1.5, 2, 3, 5, 10, 20, 50]
    wide = high / low > 4
    chosen = [t for t in ticks if low <= t <= high and not (wide and t in (0.8, 0.9, 1.1, 1.25))]
    axis.xaxis.set_major_locator(FixedLocator(chosen))
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.xaxis.set_minor_formatter(NullFormatter())
    axis.xaxis.set_minor_locator(FixedLocator([]))


# ---- the user's command

def command_sections(report):
    row = report["rows"][0]
    yield section("Result", command_table(report, row))
    valid = [e for e in row["entries"] if not e["void"]]
    if not valid:
        return
    plots = [svg(rounds_plot(report, valid, "figure", 1, "seconds")),
             svg(rounds_plot(report, valid, "peak_bytes", MIB, "peak RSS, MiB"))]
    yield section("Every round", f"<div class='plots'>{''.join(plots)}</div>")
    if any(e["rss_curve"] for e in valid):
        yield section("Resident memory over time (first round)", svg(curve_plot(report, valid)))


def command_table(report, row):
    head = ["", "wall s", "user s", "sys s", "peak MiB", "faults", "time", "peak RSS"]
    lines = "".join(command_line(report, entry) for entry in row["entries"])
    return f"<div class='scroll'><table><tr>{''.join(f'<th>{h}</th>' for h in head)}</tr>{lines}</table></div>"


def command_line(report, entry):
    name = f"<td>{mark(report, entry['allocator'])}</td>"
    if entry["void"]:
        return f"<tr>{name}<td colspan='7' class='void'>void: {text(entry['void'])}</td></tr>"
    cells = [f"{median(entry['figure']):.3f}", f"{median(entry['user']):.3f}", f"{median(entry['sys']):.3f}",
             f"{median(entry['peak_bytes']) / MIB:.1f}", f"{median(entry['faults']):.0f}"]
    ratios = [ratio_cell(entry[key], report) for key in ("figure_ratio", "peak_ratio")]
    if entry["allocator"] == report["baseline"]:
        ratios = ["<td class='same'>1</td>"] * 2
    return f"<tr>{name}{''.join(f'<td>{c}</td>' for c in cells)}{''.join(ratios)}</tr>"


def rounds_plot(report, entries, key, unit, label):
    figure, axis = plt.subplots(figsize=(5.6, 0.9 + 0.5 * len(entries)))
    for at, entry in enumerate(entries):
        values = [v / unit for v in entry[key]]
        colour = report["colours"][entry["allocator"]]
        # the rounds one below the other, so that a drift over time shows
        y = [at + 0.4 * (i / max(1, len(values) - 1) - 0.5) for i in range(len(values))]
        axis.plot(values, y, "o", color=colour, markersize=4.5, alpha=0.6, markeredgewidth=0)
        axis.plot([median(values)] * 2, [at - 0.3, at + 0.3], color=colour, linewidth=2)
    axis.set_yticks(range(len(entries)), [shortened(e["allocator"]) for e in entries])
    axis.set_ylim(len(entries) - 0.4, -0.6)
    axis.set_xlim(0)
    axis.set_xlabel(label)
    figure.tight_layout()
    return figure


def curve_plot(report, entries):
    figure, axis = plt.subplots(figsize=(11, 3.6))
    for entry in entries:
        seconds = [point[0] for point in entry["rss_curve"]]
        axis.plot(seconds, [point[1] / MIB for point in entry["rss_curve"]], color=report["colours"][entry["allocator"]],
                  linewidth=1.6, label=shortened(entry["allocator"]))
    axis.set_xlim(0)
    axis.set_ylim(0)
    axis.set_xlabel("seconds")
    axis.set_ylabel("MiB")
    axis.legend(frameon=False)
    figure.tight_layout()
    return figure


# ---- what both share

def section(heading, content):
    return f"<h2>{text(heading)}</h2>{content}"


def entry_of(row, name):
    return next((e for e in row["entries"] if e["allocator"] == name), None)


def median(values):
    values = sorted(values)
    middle = len(values) // 2
    return values[middle] if len(values) % 2 else (values[middle - 1] + values[middle]) / 2


def shortened(name):
    return name if len(name) <= 24 else name[:22] + "…"


def mark(report, name):
    return f"<b style='color:{report['colours'][name]}'>■</b> {text(shortened(name))}"


def ratio_cell(ratio, report):
    if not ratio:
        return "<td></td>"
    kind = {"less": "less", "more": "more"}.get(ratio["finding"], "same" if can_tell(report) else "")
    spread = f" <span class='spread'>{ratio['min']:.2f}–{ratio['max']:.2f}</span>" if report["rounds"] > 1 else ""
    return f"<td><span class='{kind}'>{ratio['median']:.2f}{' =' if kind == 'same' else ''}</span>{spread}</td>"


def can_tell(report):
    """With fewer rounds than three no difference is ever said; comparison.h has the rule."""
    return report["rounds"] >= 3


def table(report, rows):
    others = [a["name"] for a in report["allocators"] if a["name"] != report["baseline"]]
    has_peak = any(e["peak_ratio"] for row in rows for e in row["entries"])
    keys = ["figure_ratio", "peak_ratio"] if has_peak else ["figure_ratio"]
    head = f"<th></th><th>{mark(report, report['baseline'])}</th>" + "".join(
        f"<th>{label}</th>" for name in others for label in [mark(report, name), "peak"][:len(keys)])
    lines = "".join(f"<tr><td>{text(row['name'])}</td>{row_cells(report, row, others, keys)}</tr>" for row in rows)
    return f"<div class='scroll'><table><tr>{head}</tr>{lines}</table></div>"


def row_cells(report, row, others, keys):
    if row["not_run"]:
        return f"<td colspan='{1 + len(others) * len(keys)}' class='void'>not run: {text(row['not_run'])}</td>"
    base = entry_of(row, report["baseline"])
    cells = f"<td>{'void' if base['void'] else figure_text(median(base['figure']), row['unit'])}</td>"
    for name in others:
        entry = entry_of(row, name)
        if entry["void"]:
            cells += f"<td colspan='{len(keys)}' class='void'>void: {text(entry['void'])}</td>"
        else:
            cells += "".join(ratio_cell(entry[key], report) for key in keys)
    return cells


def figure_text(value, unit):
    return f"{value:.0f} {unit}" if value >= 1000 else f"{value:.3g} {unit}"


def svg(figure):
    """The figure as an <svg> element that can stand beside others in one page: ids are made its own."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    plt.close(figure)
    code = buffer.getvalue()
    code = re.sub(r"<metadata>.*?</metadata>", "", code[code.index("<svg"):], flags=re.DOTALL)
    svg.count += 1
    return re.sub(r'(\bid="|href="#|url\(#)', rf"\1plot{svg.count}-", code)


svg.count = 0

if __name__ == "__main__":
    main()
