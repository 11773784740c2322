#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""rooms.py TOP [OBJECTS] - the module's directories, and what each may use.

Prints what breaks the table below: an include of a room that is not named, and headers of KVM in the hook engine. With a
directory of compiled OBJECTS (aarch64) it also prints circles of files that need each other's symbols."""
import re
import subprocess
import sys
from pathlib import Path

# For each room: the other rooms that its files may include. "top" is src/ itself, "include" the directory of that name.
MAY = {
    'include': set(),
    'hook': set(),
    'policy': {'include'},
    'calls': {'include', 'hook'},
    'vm': {'include', 'policy', 'calls', 'hook'},
    'repair': {'include', 'vm', 'calls', 'hook'},
    'inject': {'include', 'repair', 'vm', 'calls', 'hook'},
    'native': {'include', 'repair', 'vm', 'calls', 'hook'},
    'transfer': {'include', 'repair', 'vm', 'calls', 'hook'},
    'kvm': {'include', 'transfer', 'vm', 'policy', 'calls', 'hook'},
    'admin': {'repair', 'vm', 'policy', 'hook'},
    'top': {'include', 'hook', 'policy', 'calls', 'vm', 'repair', 'transfer', 'kvm', 'admin'},
}
# The only header of the hook engine that the vm room may include.
ONDEMAND = {'hook/ondemand.h'}


def room(path):
    """The room of a file, given as in #include or as a path below src/."""
    first = path.split('/')[0]
    if path.startswith('calls.'):
        return 'calls'
    if path in ('main.c', 'cpu.c', 'hook_table.c', 'trace.c', 'kvm_mte.h'):
        return 'top'
    return first if '/' in path else 'include'


def includes(top):
    files = [(p.relative_to(top / 'src').as_posix(), p) for p in sorted((top / 'src').rglob('*.[ch]'))]
    files += [(p.name, p) for p in sorted((top / 'include').glob('*.h'))]
    for name, path in files:
        for header in re.findall(r'^#include "(.+)"', path.read_text(), flags=re.M):
            if header == 'trace.h' and name == 'trace.h':
                continue
            yield name, header
        if room(name) == 'hook':
            for header in re.findall(r'^#include <(.*kvm.*)>', path.read_text(), flags=re.M):
                print(f'{name}: the engine includes <{header}>')


def check_includes(top):
    for name, header in includes(top):
        mine, theirs = room(name), room(header)
        if theirs == mine or theirs in MAY[mine] and (mine != 'vm' or theirs != 'hook' or header in ONDEMAND):
            continue
        print(f'{name}: includes {header}, of a room that it may not use')


def needs(objects):
    """{file: files whose symbols it needs}."""
    defined, wanted = {}, {}
    for obj in sorted(objects.rglob('*.o')):
        name = obj.relative_to(objects / 'src').as_posix().removesuffix('.o') if (objects / 'src') in obj.parents else None
        if not name or obj.name.startswith('.'):
            continue
        for line in subprocess.run(['aarch64-linux-gnu-nm', obj], capture_output=True, text=True, check=True).stdout.splitlines():
            kind, symbol = line.split()[-2:]
            if kind == 'U':
                wanted.setdefault(name, set()).add(symbol)
            elif kind.isupper():
                defined[symbol] = name
    return {f: {defined[s] for s in symbols if s in defined} - {f} for f, symbols in wanted.items()}


def circles(graph):
    """Sets of files that all lead to each other."""
    def reach(start):
        seen, todo = set(), [start]
        while todo:
            for f in graph.get(todo.pop(), ()):
                if f not in seen:
                    seen.add(f)
                    todo.append(f)
        return seen
    reached = {f: reach(f) for f in graph}
    return {frozenset(g for g in reached[f] if f in reached.get(g, ())) for f in graph if f in reached[f]}


def main():
    top = Path(sys.argv[1])
    check_includes(top)
    if len(sys.argv) > 2:
        for circle in circles(needs(Path(sys.argv[2]))):
            print('a circle: ' + ' '.join(sorted(circle)))


main()
