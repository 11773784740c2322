#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Writes what tests/bench/run has measured as a table and a chart, or compares it with the goals and the committed table.

usage: table.py write|check FIGURES
FIGURES has lines KERNEL<tab>COLUMN<tab>ROW<tab>VALUE and KERNEL<tab>release<tab>RELEASE.
"""

import datetime
import os
import sys

BENCH = os.path.dirname(os.path.abspath(__file__))
DOCS = os.path.join(BENCH, "..", "..", "docs")
RESULTS = os.path.join(BENCH, "results.tsv")

# Relative: the most that repeated measurements differ, and the most that a figure may get worse.
UNSURE = 0.001
WORSE = 0.01

MODULE_KERNEL = "5.10"

ROWS = {
    "hypercall": "hypercall exit",
    "vgic": "vgic MMIO exit",
    "mmio_user": "MMIO exit to user space",
    "preempt": "preemption of a vCPU, out and in",
    "touch_4k": "first touch of a 4 KiB page",
    "touch_block": "first touch by 2 MiB blocks, per 4 KiB",
    "write_fault": "write permission fault, 4 KiB",
    "swap_guest": "swap-in of a guest's page",
    "swap_process": "swap-in of a process's page",
    "tags_get": "COPY_TAGS from the guest, per page",
    "tags_set": "COPY_TAGS to the guest, per page",
    "vm_life": "a VM made and destroyed",
    "load": "loading the module",
    "unload": "unloading it",
    "mem_vm": "slab memory per VM, bytes",
    "mem_vcpu": "slab memory per vCPU, bytes",
}

# (kernel, column) -> its heading
COLUMNS = {
    ("5.10", "stock"): "5.10",
    ("5.10", "loaded"): "module loaded",
    ("5.10", "other"): "another VM on",
    ("5.10", "mte"): "MTE VM",
    ("6.1", "stock"): "6.1",
    ("6.1", "mte"): "6.1, its own MTE",
    ("6.12", "stock"): "6.12",
    ("6.12", "mte"): "6.12, its own MTE",
}
KPROBE = {
    ("5.10", "stock"): "5.10",
    ("5.10", "kprobe-loaded"): "module loaded",
    ("5.10", "kprobe-other"): "another VM on",
    ("5.10", "kprobe-mte"): "MTE VM",
    ("5.10", "after"): "after unloading",
}
CHART_ROWS = ["hypercall", "vgic", "mmio_user", "touch_4k", "touch_block"]
CHART = [("5.10", "loaded"), ("5.10", "other"), ("5.10", "mte"), ("6.1", "mte"), ("6.12", "mte")]


class Figures:
    """values[kernel, column, row], releases[kernel], and what the table says of its origin."""

    def __init__(self, path):
        self.values, self.releases, self.origin = {}, {}, ""
        with open(path, encoding="ascii") as f:
            for line in f:
                self.add(line.rstrip("\n"))

    def add(self, line):
        if line.startswith("# measured "):
            self.origin = line[2:]
        if not line or line.startswith("#"):
            return
        kernel, column, row = line.split("\t", 3)[:3]
        if column == "release":
            self.releases[kernel] = row
        else:
            self.values[kernel, column, row] = float(line.split("\t")[3])

    def over_stock(self, kernel, column, row):
        """Instructions over the same kernel without the module or MTE; None if there is no such figure."""
        value = self.values.get((kernel, column, row))
        stock = self.values.get((kernel, "stock", row))
        return None if value is None or stock is None else value - stock

    def reaches(self, row, column, most):
        over = self.over_stock(MODULE_KERNEL, column, row)
        unsure = UNSURE * self.values.get((MODULE_KERNEL, "stock", row), 0) if most == 0 else 0
        return over is not None and over <= most + unsure


def goals():
    with open(os.path.join(BENCH, "goals.tsv"), encoding="ascii") as f:
        for line in f:
            if line.strip() and not line.startswith("#"):
                row, column, most = line.split()
                yield row, column, float(most)


def number(value):
    return f"{value:,.1f}" if value % 1 else f"{value:,.0f}"


def cell(figures, key, row):
    value = figures.values.get((*key, row))
    if value is None:
        return ""
    over = figures.over_stock(*key, row)
    if over is None or key[1] == "stock":
        return number(value)
    if abs(over) <= UNSURE * value:
        return f"{number(value)} (0)"
    return f"{number(value)} ({'+' if over > 0 else '−'}{number(round(abs(over), 1))})"


def table(figures, columns):
    columns = {k: v for k, v in columns.items() if k[0] in figures.releases}
    yield "| | " + " | ".join(columns.values()) + " |"
    yield "|---" + "|---:" * len(columns) + "|"
    for row, words in ROWS.items():
        if any((*key, row) in figures.values for key in columns):
            yield f"| {words} | " + " | ".join(cell(figures, key, row) for key in columns) + " |"


def goal_table(figures):
    yield "| | | goal | is | |"
    yield "|---|---|---:|---:|---|"
    for row, column, most in goals():
        over = figures.over_stock(MODULE_KERNEL, column, row)
        said = "reached" if figures.reaches(row, column, most) else "**not reached**"
        what = COLUMNS[MODULE_KERNEL, column]
        yield f"| {ROWS[row]} | {what} | {number(most)} | {number(round(over, 1))} | {said} |"


def write_page(figures):
    lines = [
        "<!-- SPDX-License-Identifier: GPL-2.0-only -->",
        "<!-- Written by tests/bench/run: change it there. -->",
        "# What MTE costs",
        "",
        "In instructions, as counted by an emulated machine with one CPU (QEMU, `-icount`); lower quartiles, which "
        "repeat within 0.1 %. In parentheses: over the same kernel without MTE and without the module. How it is measured: "
        "[tests/bench/README.md](../tests/bench/README.md).",
        "",
        f"{figures.origin}.",
        "Kernels: " + ", ".join(figures.releases.values()) + ".",
        "",
        "![The cost of MTE over the same kernel without](bench.svg)",
        "",
        *table(figures, COLUMNS),
        "",
        "## Goals",
        "",
        *goal_table(figures),
        "",
        "## With `hook=kprobe`",
        "",
        *table(figures, KPROBE),
        "",
    ]
    with open(os.path.join(DOCS, "bench.md"), "w", encoding="utf-8") as f:
        f.write("\n".join(lines))


STYLE = """<style>
text { font: 13px sans-serif; fill: #222 } .value { font-size: 11px } .axis { stroke: #888 }
.c0 { fill: #9ecae1 } .c1 { fill: #4292c6 } .c2 { fill: #08519c } .c3 { fill: #fd8d3c } .c4 { fill: #a63603 }
@media (prefers-color-scheme: dark) { text { fill: #ddd } .c2 { fill: #6f9fe8 } .c4 { fill: #d9663b } }
</style>"""


def write_chart(figures):
    bar, gap, left, wide = 13, 16, 275, 400
    keys = [k for k in CHART if k[0] in figures.releases]
    over = {(r, k): max(figures.over_stock(*k, r), 0) for r in CHART_ROWS for k in keys}
    scale = wide / max(over.values())
    group = bar * len(keys) + gap
    top = 40 + 18 * ((len(keys) + 1) // 2)
    height = top + group * len(CHART_ROWS) + 6
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {left + wide + 70} {height}" role="img">',
        "<!-- SPDX-License-Identifier: GPL-2.0-only -->",
        f"<title>The cost of guest MTE. {figures.origin}</title>",
        "<desc>A group of bars for each kind of exit and fault, a bar for each kernel and state; docs/bench.md has the figures.</desc>",
        STYLE,
        '<text x="8" y="20">Instructions over the same kernel without MTE and without the module</text>',
    ]
    for i, key in enumerate(keys):
        x, y = 8 + 240 * (i % 2), 30 + 18 * (i // 2)
        words = COLUMNS[key] if key[0] != MODULE_KERNEL else f"{key[0]}, {COLUMNS[key]}"
        out.append(f'<rect class="c{i}" x="{x}" y="{y}" width="12" height="12"/>')
        out.append(f'<text x="{x + 18}" y="{y + 11}">{words}</text>')
    for j, row in enumerate(CHART_ROWS):
        y = top + group * j
        out.append(f'<text x="{left - 10}" y="{y + group / 2}" text-anchor="end">{ROWS[row]}</text>')
        for i, key in enumerate(keys):
            width = over[row, key] * scale
            out.append(f'<rect class="c{i}" x="{left}" y="{y + i * bar}" width="{width:.1f}" height="{bar - 2}"/>')
            value = number(round(over[row, key], 1 if over[row, key] < 10 else 0))
            out.append(f'<text class="value" x="{left + width + 4:.1f}" y="{y + i * bar + 10}">{value}</text>')
    out.append(f'<path class="axis" d="M{left} {top - 4}V{height - 6}"/>')
    out.append("</svg>\n")
    with open(os.path.join(DOCS, "bench.svg"), "w", encoding="utf-8") as f:
        f.write("\n".join(out))


def write_results(figures, path):
    with open(path, encoding="ascii") as f:
        lines = f.read()
    with open(RESULTS, "w", encoding="ascii") as f:
        f.write("# SPDX-License-Identifier: GPL-2.0\n# Written by tests/bench/run.\n")
        f.write(f"# {figures.origin}\n{lines}")


def write(path):
    figures = Figures(path)
    today = datetime.date.today().isoformat()
    figures.origin = f"measured {today}, commit {os.environ.get('COMMIT', 'unknown')}"
    write_results(figures, path)
    write_page(figures)
    write_chart(figures)


class Tap:
    """Test points, counted."""

    def __init__(self):
        self.count, self.failed = 0, 0

    def point(self, good, name, *details):
        self.count += 1
        self.failed += not good
        print(f"{'' if good else 'not '}ok {self.count} - {name}")
        for line in details:
            print(f"# {line}")

    def skip(self, name, why):
        self.count += 1
        print(f"ok {self.count} - {name} # SKIP {why}")

    def todo(self, name, why):
        self.count += 1
        print(f"not ok {self.count} - {name} # TODO {why}")


def allowed(kernel, row):
    """By how much a figure may be worse.  A VM's life includes work of the kernel's own threads, mostly RCU's.  On the other
    kernels, which are measured without the module, it differs by 2 % from run to run."""
    return 0.05 if kernel != MODULE_KERNEL and row == "vm_life" else WORSE


def check_row(tap, now, before, kernel, row):
    """One kernel's figures of a row against those of the committed table."""
    name = f"{ROWS.get(row, row)}, {kernel}"
    columns = [c for (k, c, r) in before.values if (k, r) == (kernel, row)]
    if now.releases[kernel] != before.releases[kernel]:
        tap.skip(name, f"the table has {before.releases[kernel]}, this is {now.releases[kernel]}")
        return
    worse, better, most = [], [], allowed(kernel, row)
    for column in columns:
        old, new = before.values[kernel, column, row], now.values.get((kernel, column, row))
        if new is None:
            worse.append(f"{column}: no figure any more, was {number(old)}")
        elif new > old * (1 + most):
            worse.append(f"{column}: {number(new)}, was {number(old)}: {new / old - 1:+.1%}")
        elif new < old * (1 - most):
            better.append(f"{column}: {number(new)}, was {number(old)}: better, tests/bench/run makes a new table")
    tap.point(not worse, f"{name}: not worse than the committed table by more than {most:.0%}", *worse, *better)


def check_goal(tap, now, before, goal):
    """A goal that the committed table reaches must be reached; one that it does not reach is reported as TODO."""
    row, column, most = goal
    over = now.over_stock(MODULE_KERNEL, column, row)
    name = f"goal: {ROWS[row]}, {COLUMNS[MODULE_KERNEL, column]}: at most {number(most)} over the stock kernel"
    if over is not None and not now.reaches(*goal) and not before.reaches(*goal):
        tap.todo(name, f"not reached: {number(round(over, 1))}")
    else:
        tap.point(now.reaches(*goal), name, f"it is {'not measured' if over is None else number(round(over, 1))}")


def check(path):
    now, before, tap = Figures(path), Figures(RESULTS), Tap()
    for kernel in now.releases:
        if kernel not in before.releases:
            tap.point(False, f"{kernel} is in the committed table")
            continue
        for row in dict.fromkeys(r for (k, _, r) in before.values if k == kernel):
            check_row(tap, now, before, kernel, row)
        new = sorted({f"{c} {r}" for (k, c, r) in now.values if k == kernel and (k, c, r) not in before.values})
        tap.point(not new, f"{kernel}: all figures are in the committed table", *new)
    if MODULE_KERNEL in now.releases:
        for goal in goals():
            check_goal(tap, now, before, goal)
    print(f"1..{tap.count}")
    return tap.failed > 0


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in ("write", "check"):
        sys.exit(__doc__)
    sys.exit(write(sys.argv[2]) if sys.argv[1] == "write" else check(sys.argv[2]))
