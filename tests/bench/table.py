#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Writes what tests/bench/run has measured as a table and a chart, or compares it with the goals and the committed table.

usage: table.py write|check FIGURES
       table.py draw DIRECTORY         writes bench.md and bench.svg there, from the committed table
FIGURES has lines KERNEL<tab>COLUMN<tab>ROW<tab>VALUE and KERNEL<tab>release<tab>RELEASE.
"""

import datetime
import os
import sys

BENCH = os.path.dirname(os.path.abspath(__file__))
DOCS = os.path.join(BENCH, "..", "..", "docs")
RESULTS = os.path.join(BENCH, "results.tsv")
WORKLOAD = os.path.join(BENCH, "workload.tsv")

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
    "carry_get": "kvm-mte tags save, per page",
    "carry_set": "kvm-mte tags load, per page",
    "vm_life": "a VM created and destroyed",
    "load": "loading the module",
    "unload": "unloading the module",
    "arm": "arming the on-demand hooks",
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
# The module on kernels whose KVM has guest MTE itself
NATIVE = {
    ("6.1", "mte"): "6.1, its own MTE",
    ("6.1", "repaired"): "6.1 with the module",
    ("6.12", "mte"): "6.12, its own MTE",
    ("6.12", "repaired"): "6.12 with the module",
    ("7.2", "mte"): "7.2, its own MTE",
    ("7.2", "repaired"): "7.2 with the module",
}
NATIVE_ROWS = ["touch_4k", "touch_block", "write_fault", "swap_guest", "swap_process", "tags_get", "tags_set", "carry_get", "carry_set"]
KPROBE = {
    ("5.10", "stock"): "5.10",
    ("5.10", "kprobe-loaded"): "module loaded",
    ("5.10", "kprobe-other"): "another VM on",
    ("5.10", "kprobe-mte"): "MTE VM",
    ("5.10", "after"): "after unloading",
}
# Of the case workload; sort_tagged is compared with sort.
WORKLOAD_ROWS = {
    "boot": "a guest's kernel boots",
    "sort": "busybox sorts 4,000 lines three times",
    "sort_tagged": "the same, with `glibc.mem.tagging=3`",
}
WORKLOAD_COLUMNS = {k: COLUMNS[k] for k in [("5.10", "stock"), ("5.10", "loaded"), ("5.10", "mte"), ("6.12", "stock"), ("6.12", "mte")]}
CHART_ROWS = ["hypercall", "vgic", "mmio_user", "touch_4k", "touch_block"]
# (kernel, column) -> its words in the chart's legend
CHART = {
    ("5.10", "loaded"): "5.10 with the module, no VM has MTE",
    ("5.10", "other"): "5.10 with the module, VM without MTE while another VM has MTE",
    ("5.10", "mte"): "5.10 with the module, VM with MTE",
    ("6.1", "mte"): "6.1, KVM's own MTE, without the module",
    ("6.12", "mte"): "6.12, KVM's own MTE, without the module",
}


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

    def over(self, key, base, row):
        """Instructions of a column over those of another column; None if one of the figures is missing."""
        value = self.values.get((*key, row))
        of_base = 0 if base == ("-",) else self.values.get((*base, row))
        return None if value is None or of_base is None else value - of_base

    def over_stock(self, kernel, column, row):
        """Instructions over the same kernel without the module or MTE; None if there is no such figure."""
        return self.over((kernel, column), (kernel, "stock"), row)

    def reaches(self, goal):
        over = self.over(goal.key, goal.base, goal.row)
        unsure = UNSURE * self.values.get((*goal.base, goal.row), 0) if goal.most == 0 else 0
        return over is not None and over <= goal.most + unsure


class Goal:
    """A line of goals.tsv: a column's figure of a row is at most so much over another column's."""

    def __init__(self, row, column, most, kernel=MODULE_KERNEL, base=None):
        self.row, self.key, self.most = row, (kernel, column), float(most)
        self.base = tuple((base or f"{kernel}:stock").split(":"))

    def column_words(self):
        return COLUMNS.get(self.key) or NATIVE[self.key]

    def base_words(self):
        if self.base == ("-",):
            return ""
        return "the stock kernel" if self.base[1] == "stock" else NATIVE[self.base]


def goals():
    with open(os.path.join(BENCH, "goals.tsv"), encoding="ascii") as f:
        for line in f:
            if line.strip() and not line.startswith("#"):
                yield Goal(*line.split())


def number(value):
    return f"{value:,.1f}" if value % 1 else f"{value:,.0f}"


def signed(value):
    return f"{'−' if value < 0 else ''}{number(round(abs(value), 1))}"


def change(figures, key, row, base="stock"):
    """The figure over the one of the same kernel's column @base, with its sign; 0 if repeated measurements differ as much."""
    over = figures.over(key, (key[0], base), row)
    if abs(over) <= UNSURE * figures.values[(*key, row)]:
        return "0"
    return f"{'+' if over > 0 else '−'}{number(round(abs(over), 1))}"


def cell(figures, key, row, base):
    value = figures.values.get((*key, row))
    if value is None:
        return ""
    if figures.over(key, (key[0], base), row) is None or key[1] == base:
        return number(value)
    words = change(figures, key, row, base)
    share = figures.over(key, (key[0], base), row) / figures.values[key[0], base, row]
    return f"{number(value)} ({words})" if words == "0" else f"{number(value)} ({words}, {signed(share * 100)} %)"


def table(figures, columns, rows=ROWS, base="stock"):
    columns = {k: v for k, v in columns.items() if k[0] in figures.releases}
    yield "| | " + " | ".join(columns.values()) + " |"
    yield "|---" + "|---:" * len(columns) + "|"
    for row in rows:
        if any((*key, row) in figures.values for key in columns):
            yield f"| {ROWS[row]} | " + " | ".join(cell(figures, key, row, base) for key in columns) + " |"


def goal_table(figures):
    yield "| | | compared with | goal: at most | measured | |"
    yield "|---|---|---|---:|---:|---|"
    for g in goals():
        over = figures.over(g.key, g.base, g.row)
        said = "reached" if figures.reaches(g) else "**not reached**"
        measured = "" if over is None else signed(over)
        yield f"| {ROWS[g.row]} | {g.column_words()} | {g.base_words()} | {number(g.most)} | {measured} | {said} |"


def workload_cell(figures, key, row):
    value = figures.values.get((*key, row))
    base = figures.values[key[0], "stock", "sort" if row == "sort_tagged" else row]
    if value is None or key[1] == "stock":
        return "" if value is None else f"{value / 1e6:.1f}"
    return f"{value / 1e6:.1f} ({value / base * 100 - 100:+.1f} %)".replace("-", "−")


def workload_table():
    figures = Figures(WORKLOAD)
    yield "| | " + " | ".join(WORKLOAD_COLUMNS.values()) + " |"
    yield "|---" + "|---:" * len(WORKLOAD_COLUMNS) + "|"
    for row, words in WORKLOAD_ROWS.items():
        yield f"| {words} | " + " | ".join(workload_cell(figures, key, row) for key in WORKLOAD_COLUMNS) + " |"


def write_page(figures, directory):
    lines = [
        "<!-- SPDX-License-Identifier: GPL-2.0-only -->",
        "<!-- Written by tests/bench/run: change it there. -->",
        "# What MTE costs",
        "",
        "The figures are instructions, counted by an emulated machine with one CPU (QEMU, `-icount`). Each figure is a lower quartile (of a process's swap-in: the lowest eighth), "
        "which repeats within 0.1 %. In parentheses: the difference to the same kernel without MTE and without the module, also in percent of that kernel's figure. How it is measured: "
        "[tests/bench/README.md](../tests/bench/README.md).",
        "",
        f"{figures.origin}.",
        "Kernels: " + ", ".join(figures.releases.values()) + ".",
        "",
        "![Instructions that MTE adds to an exit or a page fault](bench.svg)",
        "",
        "*module loaded*: no VM has MTE. *another VM on*: another VM has MTE, the measured one has not. "
        "*MTE VM*: the measured VM has MTE.",
        "",
        *table(figures, COLUMNS),
        "",
        "## Goals",
        "",
        *goal_table(figures),
        "",
        "## With KVM's own guest MTE",
        "",
        "All repairs of the module that the kernel needs are active ([holes.md](holes.md)). In parentheses: the difference to the same "
        "kernel's own guest MTE, without the module.",
        "",
        *table(figures, NATIVE, NATIVE_ROWS, "mte"),
        "",
        "## Whole programs",
        "",
        "Millions of instructions, with all that the host does meanwhile, QEMU's work too (case `workload`, "
        f"{Figures(WORKLOAD).origin}). In parentheses: the difference to the same kernel without MTE and without the module. "
        "The same program differs by 1 to 3 % from run to run.",
        "",
        *workload_table(),
        "",
        "## With `hook=kprobe`",
        "",
        *table(figures, KPROBE),
        "",
    ]
    with open(os.path.join(directory, "bench.md"), "w", encoding="utf-8") as f:
        f.write("\n".join(lines))


STYLE = """<style>
text { font: 13px sans-serif; fill: #1f2328 } .head { font-size: 16px; font-weight: bold } .dim { fill: #57606a }
.value, .tick { font-size: 11px } .bg { fill: #fff } .axis { stroke: #57606a; fill: none } .base { stroke: #1f2328; stroke-width: 2 }
.c0 { fill: #9ecae1 } .c1 { fill: #4292c6 } .c2 { fill: #08519c } .c3 { fill: #fd8d3c } .c4 { fill: #a63603 }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 } .dim { fill: #9da7b1 } .bg { fill: #0d1117 } .axis { stroke: #9da7b1 } .base { stroke: #e6edf3 }
.c0 { fill: #c6dbef } .c1 { fill: #6baed6 } .c2 { fill: #2f73c9 } .c3 { fill: #fdae6b } .c4 { fill: #d9542b }
}
</style>"""

# Sizes of the chart. The bars begin at BASE. TICK is in instructions.
WIDTH, MARGIN, BASE, AXIS = 840, 20, 290, 440
BAR, GROUP_GAP, LEGEND_LINE, LEGEND_TOP = 13, 18, 20, 92
TICK = 200


def text(x, y, words, cls="", anchor="start"):
    cls = f' class="{cls}"' if cls else ""
    anchor = f' text-anchor="{anchor}"' if anchor != "start" else ""
    return f'<text{cls} x="{x:g}" y="{y:g}"{anchor}>{words}</text>'


def rect(cls, x, y, width, height):
    return f'<rect class="{cls}" x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}"/>'


def legend(keys):
    yield text(MARGIN, 32, "What guest MTE costs: instructions added to one exit or page fault", "head")
    yield text(MARGIN, 54, "0 is the stock kernel: the same kernel, without the module and without MTE.", "dim")
    yield text(MARGIN, 73, "Instructions are counted by an emulated machine (QEMU, -icount). "
               "In parentheses: percent of the stock kernel's figure.", "dim")
    for i, key in enumerate(keys):
        y = LEGEND_TOP + LEGEND_LINE * i
        yield rect(f"c{i}", MARGIN, y, 12, 12)
        yield text(MARGIN + 20, y + 11, CHART[key])


def axis(top, bottom, most):
    ticks = [BASE + value * AXIS / most for value in range(0, most + 1, TICK)]
    yield f'<path class="axis" d="M{BASE} {bottom}H{BASE + AXIS}' + "".join(f"M{x:g} {bottom}v5" for x in ticks[1:]) + '"/>'
    yield f'<path class="base" d="M{BASE} {top}V{bottom + 5}"/>'
    for i, x in enumerate(ticks):
        yield text(x, bottom + 20, f"+{number(i * TICK)}" if i else "0 = stock kernel", "tick", "middle")
    yield text(BASE - 14, top + 9, "exit or page fault", "dim", "end")
    yield text(BASE + AXIS / 2, bottom + 42, "added instructions", "dim", "middle")


def percent(figures, key, row):
    share = figures.over_stock(*key, row) / figures.values[key[0], "stock", row]
    return f"{'+' if share > 0 else '−'}{abs(share) * 100:.1f} %"


def bars(figures, keys, row, top, scale):
    """A group of bars.  A bar of 0 is a thin line, so that its colour can be seen."""
    yield text(BASE - 14, top + BAR * len(keys) / 2 + 4, ROWS[row], "", "end")
    for i, key in enumerate(keys):
        y, words = top + BAR * i, change(figures, key, row)
        width = max(round(figures.over_stock(*key, row) * scale, 1), 3)
        if words != "0":
            words += f" ({percent(figures, key, row)})"
        yield rect(f"c{i}", BASE, y, width, BAR - 2)
        yield text(BASE + width + 6, y + 10, words, "value")


def write_chart(figures, directory):
    keys = [k for k in CHART if k[0] in figures.releases]
    most = max(figures.over_stock(*k, r) for r in CHART_ROWS for k in keys)
    most = (int(most) // TICK + 1) * TICK
    top = LEGEND_TOP + LEGEND_LINE * len(keys) + 14
    group = BAR * len(keys) + GROUP_GAP
    bottom = top + group * len(CHART_ROWS) + 12
    height = bottom + 58
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
        "<!-- SPDX-License-Identifier: GPL-2.0-only -->",
        f"<title>What guest MTE costs. {figures.origin}</title>",
        "<desc>A group of bars for each kind of exit and fault, a bar for each kernel and state; docs/bench.md has the figures.</desc>",
        STYLE,
        rect("bg", 0, 0, WIDTH, height),
        *legend(keys),
    ]
    for j, row in enumerate(CHART_ROWS):
        out += bars(figures, keys, row, top + 18 + group * j, AXIS / most)
    out += [*axis(top, bottom, most), "</svg>\n"]
    with open(os.path.join(directory, "bench.svg"), "w", encoding="utf-8") as f:
        f.write("\n".join(out))


def write_results(figures, path):
    with open(path, encoding="ascii") as f:
        lines = f.read()
    with open(RESULTS, "w", encoding="ascii") as f:
        f.write("# SPDX-License-Identifier: GPL-2.0-only\n# Written by tests/bench/run.\n")
        f.write(f"# {figures.origin}\n{lines}")


def write(path):
    figures = Figures(path)
    today = datetime.date.today().isoformat()
    figures.origin = f"measured {today}, commit {os.environ.get('COMMIT', 'unknown')}"
    write_results(figures, path)
    draw(DOCS)


def draw(directory):
    figures = Figures(RESULTS)
    write_page(figures, directory)
    write_chart(figures, directory)


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
    return 0.05 if kernel != MODULE_KERNEL and row in ("vm_life", "mem_vm", "mem_vcpu") else WORSE


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
    over = now.over(goal.key, goal.base, goal.row)
    name = f"goal: {ROWS[goal.row]}, {goal.column_words()}: at most {number(goal.most)}{' over ' if goal.base_words() else ''}{goal.base_words()}"
    if over is not None and not now.reaches(goal) and not before.reaches(goal):
        tap.todo(name, f"not reached: {signed(over)}")
    else:
        tap.point(now.reaches(goal), name, f"it is {'not measured' if over is None else signed(over)}")


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
    for goal in goals():
        if {goal.key[0], goal.base[0]} - {"-"} <= set(now.releases):
            check_goal(tap, now, before, goal)
    print(f"1..{tap.count}")
    return tap.failed > 0


if __name__ == "__main__":
    modes = {"write": write, "check": check, "draw": draw}
    if len(sys.argv) != 3 or sys.argv[1] not in modes:
        sys.exit(__doc__)
    sys.exit(modes[sys.argv[1]](sys.argv[2]))
