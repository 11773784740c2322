#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""messages.py PAGE SOURCE... - every message of the module must stand on the page.

The messages are the formats of pr_err(), pr_warn(), pr_notice() and pr_info() in all their kinds; of vm_notice() and
vm_warn(); of writer_log() and hook_cannot(), with what they add; and each text that is assigned to "why" for such a format. On the page
each message is a line of its own in a code block, with values for its conversions. Prints messages that are missing on
the page, and lines of its code blocks that are no message of the module."""
import re
import sys

CALL = re.compile(r'\bpr_(?:emerg|alert|crit|err|warn|notice|info|cont)(?:_once|_ratelimited)?\(\s*((?:"(?:[^"\\]|\\.)*"\s*)+)')
OTHER = re.compile(r'\b(?:printk|pr_(?!emerg|alert|crit|err|warn|notice|info|cont|fmt|debug)\w+|WARN\w*|dev_\w+)\(\s*"')
# These add the VM's name.
VM = re.compile(r'\bvm_(?:notice|warn)\([^,"]+,\s*((?:"(?:[^"\\]|\\.)*"\s*)+)')
# These add who has made a change.
WRITER = re.compile(r'\bwriter_log\([^,"]+,\s*((?:"(?:[^"\\]|\\.)*"\s*)+)')
BY = ', by uid %u, process %d (%s)'
# hook_cannot() adds its own words before and after its argument.
CANNOT = re.compile(r'\bhook_cannot\([^,"]+,\s*((?:"(?:[^"\\]|\\.)*"\s*)+)')
NEEDED, WITHOUT = '%s: {}; needed for %s', '%s: {}; going on without: %s'
WHY = re.compile(r'\bwhy\s*=\s*([^;]*);')
STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')
CONVERSION = re.compile(r'%[-+ #0]*[0-9.]*(?:hh|ll|h|l|z)?([diouxXsp])')


def strings(text):
    return ''.join(STRING.findall(text)).removesuffix('\\n').replace('%*pE', '%s')


def pattern(fmt):
    """A format as a regular expression for what it prints."""
    out, end = '', 0
    for m in CONVERSION.finditer(fmt):
        out += re.escape(fmt[end:m.start()])
        out += {'s': '.+', 'p': '[0-9a-fx]+'}.get(m[1], '-?[0-9a-f]+')
        end = m.end()
    return re.compile(out + re.escape(fmt[end:]))


def blocks(page):
    """The lines of code blocks between ``` alone."""
    inside = False
    for line in page.splitlines():
        if line.startswith('```'):
            inside = not inside
        elif inside:
            yield line


page, bad = list(blocks(open(sys.argv[1]).read())), 0
known = []
for path in sys.argv[2:]:
    source = open(path).read()
    for m in OTHER.finditer(source):
        print(f'{path}: a message of a kind that this check does not know: {m[0]}')
        bad = 1
    found = [(m.start(), strings(m[1])) for m in CALL.finditer(source) if not source.startswith('fmt', m.end())]
    found += [(m.start(), '%d-%d: ' + strings(m[1])) for m in VM.finditer(source) if not source.startswith('fmt', m.start(1))]
    found += [(m.start(), strings(m[1]) + BY) for m in WRITER.finditer(source)]
    cannot = [(m.start(), strings(m[1])) for m in CANNOT.finditer(source)]
    found += [(start, NEEDED.format(fmt)) for start, fmt in cannot]
    known += [pattern(WITHOUT.format(fmt)) for _, fmt in cannot]
    for start, fmt in found:
        known.append(pattern(fmt))
        if not any(known[-1].fullmatch(line) for line in page):
            print(f'{path}:{source.count(chr(10), 0, start) + 1}: not on the page: {fmt}')
            bad = 1
    for m in WHY.finditer(source):
        for why in STRING.findall(m[1]):
            if not any(line.endswith(': ' + why) for line in page):
                print(f'{path}:{source.count(chr(10), 0, m.start()) + 1}: not on the page: {why}')
                bad = 1
for line in page:
    if not any(p.fullmatch(line) for p in known):
        print(f'{sys.argv[1]}: the module has no such message: {line}')
        bad = 1
sys.exit(bad)
