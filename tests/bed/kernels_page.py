#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""kernels_page.py TOP [LOG...] - docs/kernels.md: on which kernels the module was compiled, booted and tested.

Each LOG is what tests/run printed. What the logs show of a kernel replaces what tests/kernels.tsv had of it; the page is made
from that file. Without a LOG only the page is made, on standard output."""
import re
import sys
from pathlib import Path

FIELDS = ('kernel', 'release', 'cases', 'points', 'failed')
HEAD = """# Kernels

On which kernels this version was tested. The test bed makes this page (`tests/bed/kernels_page.py`) from what its runs print. Each kernel boots on an
emulated machine, and the module is loaded there. The kernels are Debian's own, unmodified, except those named `-64k` (pages of 64 KiB) and `-debug`
(KASAN, lockdep and other checks). The test bed builds these from Debian's source.

| kernel | release | backend | cases | points passed | failed |
|---|---|---|---|---|---|
"""
MIDDLE = """
A *case* is a file of `tests/cases`, with one hook mechanism. A *point* is one assertion. Cases that need no particular kernel run on 5.10 only, so that
kernel has the most. `newest` is the newest kernel in Debian on the day of the test: `make check KERNELS=newest` tests the kernel that is the newest today.
On kernels that the test bed builds, only some cases were run.

| kernels | state | shown by |
|---|---|---|
| in the table above | compiled, booted, tested | the table |
| Debian's 5.10 `rt` | refused by the build: this kernel has no KVM | case `port-check` |
| vendors' kernels of 5.10 with more or other functions | compiled against headers that differ as theirs do; not booted | case `vendors` |
| 6.13 to 7.1 | not refused by the build; not tried | - |
"""
TAIL = """
No suite of Debian has the kernels from 5.11 to 6.11, other than 6.1. The case `lines` takes the headers of 5.10, 6.1 or 6.12, and changes them by what is known
to differ: what Kbuild looks for, and what the module uses. So it shows that the module handles each of these differences, and that the build refuses what the
module cannot switch. It does not show that the module compiles with those kernels' own headers, or works there. The case names the commit of each difference.
"""


def backend(kernel):
    return 'inject' if kernel.startswith('5.1') else 'native'


def read_table(path):
    if not path.exists():
        return {}
    lines = [line for line in path.read_text().splitlines() if not line.startswith('#')]
    return {line.split('\t')[0]: dict(zip(FIELDS, line.split('\t'))) for line in lines}


def add_logs(rows, texts):
    """Takes the release of each kernel and the last result of each case from logs."""
    releases, results = {}, {}
    for text in texts:
        releases.update(re.findall(r'^== [^\[\n]* \[(\S+)\]: booting (\S+)$', text, flags=re.M))
        for case, words, passed, failed in re.findall(r'^(?:ok|FAIL) +(\S+) \[([^\]]+)\]: (\d+) passed, (\d+) failed', text, flags=re.M):
            # A case that names no kernels runs on 5.10, and its label has the mechanism alone; "none": it boots no host.
            kernel = words.split()[0] if ' ' in words else '5.10'
            if words != 'none':
                results.setdefault(kernel, {})[case, words] = int(passed), int(failed)
    for kernel in releases.keys() & results.keys():
        passed, failed = (sum(r[i] for r in results[kernel].values()) for i in (0, 1))
        values = kernel, releases[kernel], len(results[kernel]), passed, failed
        rows[kernel] = dict(zip(FIELDS, map(str, values)))


def order(kernel):
    return [int(n) for n in re.findall(r'\d+', kernel)] or [99], kernel


def lines_rows(top):
    """The rows of tests/bed/lines, which the case "lines" checks."""
    for line in (top / 'tests/bed/lines').read_text().splitlines():
        if line.startswith('#'):
            continue
        releases, _, headers, result = line.split('\t')[:4]
        if result in ('inject', 'native'):
            state = f'compiled, backend {result}, against headers of {headers} that were changed to differ as theirs do; not booted'
        else:
            state = f'refused by the build: {result}'
        yield f'| {releases} | {state} | case `lines` |\n'


def page(top, rows):
    lines = []
    for kernel in sorted(rows, key=order):
        r = rows[kernel]
        lines.append(f'| {kernel} | {r["release"]} | {backend(r["release"])} | {r["cases"]} | {r["points"]} | {r["failed"]} |\n')
    return HEAD + ''.join(lines) + MIDDLE + ''.join(lines_rows(top)) + TAIL


def main():
    top = Path(sys.argv[1])
    table = top / 'tests/kernels.tsv'
    rows = read_table(table)
    if len(sys.argv) == 2:
        print(page(top, rows), end='')
        return
    add_logs(rows, [Path(log).read_text(errors='replace') for log in sys.argv[2:]])
    body = ''.join('\t'.join(rows[k][f] for f in FIELDS) + '\n' for k in sorted(rows, key=order))
    table.write_text('# SPDX-License-Identifier: GPL-2.0-only\n# Made by tests/bed/kernels_page.py: ' + ', '.join(FIELDS) + '.\n' + body)
    (top / 'docs/kernels.md').write_text(page(top, rows))


main()
