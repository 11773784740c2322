# SPDX-License-Identifier: GPL-2.0-only
"""All that can be known of one kernel, wherever it comes from."""

import bisect
import difflib
import gzip
import os
import platform
import re
from collections import defaultdict
from pathlib import Path

import btf
import headers
import image
import tree

NOP = bytes.fromhex("1f2003d5")
LANDING = (bytes.fromhex("5f2403d5"), bytes.fromhex("3f2303d5"))   # BTI C, PACIASP
# Options without a prompt: all complete configurations for arm64 have them, minimal ones leave them out.
NOT_ASKED = ("ARM64", "64BIT", "MMU")
# Sections of code that no kprobe may touch. They lie between NAME_start and NAME_end.
NO_KPROBES = ("__kprobes_text", "__noinstr_text", "__entry_text", "__hyp_text", "__idmap_text", "__irqentry_text")


class Bad(Exception):
    """Something that the user has given cannot be used."""


def _read(path):
    try:
        return gzip.open(path, "rt").read() if str(path).endswith(".gz") else Path(path).read_text("latin-1")
    except OSError as e:
        raise Bad(f"{path}: {e.strerror or e}") from None


def _symbol_list(path):
    """A System.map, or a copy of /proc/kallsyms; without the symbols of modules."""
    rows = [line.split() for line in _read(path).splitlines()]
    try:
        found = sorted((int(r[0], 16), r[1], r[2]) for r in rows if len(r) == 3)
    except ValueError:
        raise Bad(f"{path}: not a list of symbols") from None
    if len(found) < 100 and "fixture" not in Path(path).name:
        raise Bad(f"{path}: no list of symbols (distributions ship a stub as System.map)")
    if not found or not found[-1][0]:
        raise Bad(f"{path}: all addresses are 0 (only root sees them)")
    return found


class Kernel:
    """What is not known is None."""

    def __init__(self):
        self.name = "unknown kernel"
        self.image = self.btf = self.config = self.traceable = self.kdir = None
        self.by_name, self.starts, self.text = defaultdict(list), [], (0, 0)
        self.from_headers, self.headers_broken = {}, ""
        self.minimal = self.symvers = self.tree = None
        self.not_exported = None    # symbols that the module needs and this kernel does not export

    # --- where it comes from ---

    def add_running(self):
        if platform.machine() != "aarch64":
            raise Bad("this machine is not arm64: name a kernel (see --help)")
        release = platform.release()
        self.name = f"{release}, running"
        self.add_symbols("/proc/kallsyms")
        for path in ("/proc/config.gz", f"/boot/config-{release}", f"/lib/modules/{release}/config"):
            if os.path.exists(path) and not self.config:
                self.add_config(path)
        for path in ("/sys/kernel/tracing", "/sys/kernel/debug/tracing"):
            if os.access(f"{path}/available_filter_functions", os.R_OK) and not self.traceable:
                self.add_traceable(f"{path}/available_filter_functions")
        if os.path.exists("/sys/kernel/btf/vmlinux"):
            self.add_btf("/sys/kernel/btf/vmlinux")
        if os.path.exists(f"/lib/modules/{release}/build/Makefile"):
            self.add_headers(f"/lib/modules/{release}/build")

    def add_image(self, path):
        try:
            self.image = image.load(path)
            self._index(self.image.symbols())
        except (OSError, image.Bad, image.kallsyms.Bad) as e:
            raise Bad(f"{path}: {getattr(e, 'strerror', None) or e}") from None
        version = re.search(rb"Linux version (\S+) ", self.image.data)
        self.name = version[1].decode() if version else str(path)
        if data := self.image.btf():
            self._set_btf(data, path)
        config = Path(path).with_name(Path(path).name.replace("vmlinuz", "config", 1))
        if config != Path(path) and config.exists():
            self.add_config(config)

    def add_symbols(self, path):
        self._index(_symbol_list(path))

    def _index(self, symbols):
        for addr, kind, name in symbols:
            self.by_name[name].append((addr, kind))
        self.starts = sorted({s[0] for s in symbols})
        # Like the module: only names in the kernel's own text count.
        start, end = self.by_name.get("_stext"), self.by_name.get("_etext")
        self.text = (start[0][0], end[0][0]) if start and end else (0, 1 << 64)

    def add_btf(self, path):
        try:
            data = Path(path).read_bytes()
            # Some packages of headers have a vmlinux with nothing but BTF in it.
            self._set_btf(image.load(path).btf() or b"" if data[:4] == b"\x7fELF" else data, path)
        except (OSError, image.Bad) as e:
            raise Bad(f"{path}: {getattr(e, 'strerror', None) or e}") from None

    def _set_btf(self, data, path):
        try:
            self.btf = btf.Btf(data)
        except btf.Bad as e:
            raise Bad(f"BTF of {path}: {e}") from None

    def add_config(self, path):
        text = _read(path)
        self.config = dict(re.findall(r"^(?:#define )?CONFIG_(\w+)[= ](.*)$", text, flags=re.M))
        if not self.config:
            raise Bad(f"{path}: not a kernel configuration")
        self.config |= dict.fromkeys(re.findall(r"^# CONFIG_(\w+) is not set$", text, flags=re.M), "n")
        # autoconf.h does not list options that are off, but it is generated from a complete configuration.
        complete = "#define CONFIG_" in text or all(word in self.config for word in NOT_ASKED)
        self.minimal = None if complete else path

    def add_traceable(self, path):
        self.traceable = {line.split()[0] for line in _read(path).splitlines() if line and "[" not in line}

    def add_headers(self, kdir):
        if not (Path(kdir) / "Makefile").exists():
            raise Bad(f"{kdir}: no kernel headers there (no Makefile)")
        self.kdir = kdir
        config = Path(kdir) / "include/generated/autoconf.h"
        if (not self.config or self.minimal) and config.exists():
            self.add_config(config)
        symvers = Path(kdir) / "Module.symvers"
        if not self.symvers and symvers.exists():
            self.add_symvers(symvers)
        release = Path(kdir) / "include/config/kernel.release"
        if release.exists() and not self.starts:
            self.name = release.read_text().strip()

    def add_symvers(self, path):
        self.symvers = {line.split("\t")[1] for line in _read(path).splitlines() if line.count("\t") > 2}
        if not self.symvers:
            raise Bad(f"{path}: not a Module.symvers")

    def add_tree(self, path):
        try:
            self.tree = tree.Tree(path)
        except tree.Bad as e:
            raise Bad(f"{path}: {e}") from None

    def ask_headers(self, source, targets):
        """Makes the compiler compare prototypes; add_headers() must be called before."""
        self.from_headers, self.headers_broken = headers.check(source, targets, self.kdir)
        if self.symvers and self.configured("TRIM_UNUSED_KSYMS") and not self.headers_broken:
            needed, self.headers_broken = headers.needed_symbols(source, self.kdir)
            self.not_exported = sorted(needed - self.symvers)

    # --- facts ---

    def _has(self, *names):
        return any(n in self.by_name for n in names) if self.starts else None

    def configured(self, *words):
        """From the configuration; None without one, or if it is minimal and lacks these options."""
        if self.config is None:
            return None
        if any(self.config.get(w) in ("y", "1") for w in words):
            return True
        return None if self.minimal and not all(w in self.config for w in words) else False

    def fact(self, words, *symbols):
        """By the configuration, else by functions that only such a kernel has."""
        known = self.configured(*words)
        return self._has(*symbols) if known is None else known

    def facts(self):
        """{what: True, False or None}"""
        cfi = self.configured("CFI_CLANG", "CFI")
        if cfi is None and self.starts:
            cfi = any(n.endswith(".cfi_jt") or n.startswith("__cfi_") for n in self.by_name)
        return {
            "KVM": self.fact(["KVM"], "kvm_arch_vcpu_load", "kvm_arch_init_vm"),
            "MTE": self.fact(["ARM64_MTE"], "mte_sync_tags", "mte_restore_tags"),
            "KASAN_HW_TAGS": self.fact(["KASAN_HW_TAGS"], "kasan_init_hw_tags"),
            "CFI": cfi,
            "kprobes": self.fact(["KPROBES"], "register_kprobe"),
            "ftrace": self.ftrace(),
            "modules": self.configured("MODULES"),
            "only signed modules": self.configured("MODULE_SIG_FORCE"),
            "guest MTE in KVM": self.native(),
            "few exported symbols": self.configured("TRIM_UNUSED_KSYMS"),
            "hugetlb vmemmap optimisation": self.fact(["HUGETLB_PAGE_FREE_VMEMMAP", "HUGETLB_PAGE_OPTIMIZE_VMEMMAP"],
                                                      "free_huge_page_vmemmap", "hugetlb_vmemmap_optimize"),
            "livepatch without ftrace": self.fact(["LIVEPATCH_WO_FTRACE"], "arch_klp_patch_func"),
        }

    def notes(self, facts):
        """What to know about a kernel, whatever the verdict is."""
        if self.minimal:
            yield (f"{self.minimal} is a minimal configuration (savedefconfig), which leaves out options with their default: "
                   "an option that it lacks may be on. Give the complete one.")
        if facts["only signed modules"]:
            yield "This kernel loads only signed modules (CONFIG_MODULE_SIG_FORCE)."
        if facts["few exported symbols"] and self.not_exported is None:
            yield ("This kernel exports only the symbols that its own modules need (CONFIG_TRIM_UNUSED_KSYMS): give --headers, "
                   "with its Module.symvers, to see whether those of this module are among them.")
        if facts["hugetlb vmemmap optimisation"]:
            yield ("If this kernel shares the struct pages of hugetlb pages (CONFIG_HUGETLB_PAGE_OPTIMIZE_VMEMMAP, "
                   "HUGETLB_PAGE_FREE_VMEMMAP; on by a parameter or sysctl), such pages are refused as a guest's memory.")
        if facts["livepatch without ftrace"]:
            yield ("A livepatch of this kernel works without ftrace (CONFIG_LIVEPATCH_WO_FTRACE): it rewrites the start of a "
                   "function, and does not ask others that hook it. Load no livepatch of the functions below.")

    def ftrace(self):
        return self.fact(["DYNAMIC_FTRACE_WITH_REGS", "DYNAMIC_FTRACE_WITH_ARGS"], "ftrace_set_filter_ip")

    def native(self):
        if self._has("kvm_vm_ioctl_mte_copy_tags"):
            return True
        known = self.header_has("include/uapi/linux/kvm.h", "define KVM_CAP_ARM_MTE")
        if known is not None:
            return known
        known = self.btf.has_enum_word("vcpu_sysreg", "RGSR_EL1") if self.btf else None
        return self._has("kvm_vm_ioctl_mte_copy_tags") if known is None else known

    def header_has(self, path, regex):
        """Does a header have a line that matches? None without headers. A missing header has no such line."""
        folders = [Path(self.kdir), *self._source_of(self.kdir)] if self.kdir else []
        folders += [self.tree.top] if self.tree else []
        folders = [f for f in folders if (f / "include/uapi/linux/kvm.h").exists()]
        if not folders:
            return None
        found = folders[0] / path
        return found.exists() and any(re.search(regex, line) for line in found.read_text().splitlines())

    @staticmethod
    def _source_of(kdir):
        """Distributions split headers: the Makefile of one part includes that of the common part."""
        for line in (Path(kdir) / "Makefile").read_text().splitlines():
            if match := re.match(r"include\s+(\S.*)/Makefile$", line):
                yield Path(re.sub(r"\$\(dir \$\(lastword \$\(MAKEFILE_LIST\)\)\)", f"{kdir}/", match[1]))
        if (Path(kdir) / "source").exists():
            yield Path(kdir) / "source"

    # --- one function ---

    def places(self, name):
        """Addresses of the functions of that name in the kernel's text."""
        start, end = self.text
        return sorted({a for a, kind in self.by_name.get(name, []) if kind in "tTwW" and start <= a < end})

    def found(self, name):
        if not self.starts:
            return "unknown"
        places = self.places(name)
        return "yes" if len(places) == 1 else "not unique" if places else "missing"

    def is_traceable(self, name):
        """Can ftrace divert its calls? By the kernel's own list, or by the NOPs that the compiler has left at its start."""
        if self.ftrace() is False:
            return "-"
        if self.traceable is not None:
            return "yes" if name in self.traceable else "no"
        places = self.places(name)
        code = self.image.code(places[0], 12) if self.image and len(places) == 1 else None
        if code is None:
            return "unknown"
        if code[:4] in LANDING:
            code = code[4:]
        return "yes" if code[:8] == NOP * 2 else "no"

    def no_kprobe(self, name):
        """The section that forbids kprobes on it, or None."""
        for section in NO_KPROBES:
            start, end = self.by_name.get(section + "_start"), self.by_name.get(section + "_end")
            if start and end and any(start[0][0] <= a < end[0][0] for a in self.places(name)):
                return section
        return None

    def prototype(self, target, source):
        """(ok | differs | unknown, the kernel's own prototype)"""
        word, detail = self.from_headers.get(target.name, ("unknown", ""))
        if word == "none":
            word = "unknown"
        protos = self.btf.functions.get(target.name, []) if self.btf else []
        # For functions written in assembly BTF has only the name.
        protos = [p for p in protos if self.btf.spell_prototype(p) != "void (void)" or not any(w[1] for w in target.prototypes)]
        if protos and target.prototypes:
            fits = [p for p in protos if any(self.btf.is_prototype(p, source.wanted(w)) for w in target.prototypes)]
            if len(fits) < len(protos):
                return "differs", next(self.btf.spell_prototype(p) for p in protos if p not in fits)
            return (word, detail) if word == "differs" else ("ok", "")
        if word == "unknown" and self.tree and target.prototypes:
            return self.tree.prototype(target, source)
        return word, detail

    def instead(self, target, source):
        """Where a function that is missing may have gone."""
        clones = [n for n in self.by_name if n.startswith(target.name + ".") and self.places(n)]
        if clones:
            return f"the compiler has changed it: {', '.join(sorted(clones))}"
        prefix = target.name.split("_")[0]
        names = [n for n in self.by_name if n.startswith(prefix) and self.places(n)]
        for name in difflib.get_close_matches(target.name, names, 5, 0.7):
            protos = self.btf.functions.get(name, []) if self.btf else []
            if any(self.btf.is_prototype(p, source.wanted(w)) for p in protos for w in target.prototypes):
                return f"renamed? {name} has the same prototype"
        if self.from_headers.get(target.name, ("",))[0] in ("ok", "differs"):
            return "the headers declare it: inlined, or not built in"
        return "renamed, or inlined by the compiler"
