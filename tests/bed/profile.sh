# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# Where the time goes: CPU and wall seconds of each phase (fetch, build, boot of the emulated host, guest-boot, test) and of
# each case. $RUN_DIR/profile has a row for each measurement: phase, name, CPU seconds, wall seconds. "tests/run --profile"
# adds up the rows of the last run.

PROFILE=logs/profile.tsv

# profile_add PHASE NAME CPU WALL - in hundredths of a second.
profile_add() {
	[[ -d ${RUN_DIR:-} ]] || return 0
	printf '%s\t%s\t%d.%02d\t%d.%02d\n' "$1" "$2" $(($3 / 100)) $(($3 % 100)) $(($4 / 100)) $(($4 % 100)) >>"$RUN_DIR/profile"
}

# wall - hundredths of a second.
wall() {
	local t=${EPOCHREALTIME/[.,]/}
	echo $((t / 10000))
}

# children_cpu - sets CHILDREN_CPU: the CPU time of all ended children of this shell, in hundredths of a second. ("times" must
# not run in a subshell: that has other children.)
children_cpu() {
	local file=$RUN_DIR/times.$BASHPID
	times >"$file"
	CHILDREN_CPU=$(awk 'NR == 2 { for (i = 1; i <= 2; i++) { split($i, t, /[ms]/); n += t[1] * 60 + t[2] } } END { print int(n * 100) }' \
		"$file")
	rm -f "$file"
}

# measured PHASE NAME COMMAND... - runs the command, and records its time.
measured() {
	local phase=$1 name=$2 start cpu
	shift 2
	start=$(wall)
	children_cpu
	cpu=$CHILDREN_CPU
	"$@"
	children_cpu
	profile_add "$phase" "$name" $((CHILDREN_CPU - cpu)) $(($(wall) - start))
}

# process_cpu PID - the CPU time of the process, in hundredths of a second.
process_cpu() {
	local stat
	{ read -r stat <"/proc/$1/stat"; } 2>/dev/null || { echo 0; return; }
	read -ra stat <<<"${stat##*) }"
	echo $((stat[11] + stat[12]))
}

# profile_keep - keeps this run's rows for "--profile".
profile_keep() {
	mkdir -p "$CACHE/logs"
	touch "$RUN_DIR/profile"
	cp "$RUN_DIR/profile" "$CACHE/$PROFILE"
}

# profile_table - prints the table of the last run.
profile_table() {
	[[ -s $CACHE/$PROFILE ]] || die "no run has left a profile in $CACHE"
	awk -F '\t' '
		{ cpu[$1] += $3; wall[$1] += $4; c += $3; w += $4; case_cpu[$1 "\t" $2] += $3; case_wall[$1 "\t" $2] += $4 }
		END {
			printf "%-12s %10s %10s\n", "phase", "CPU s", "wall s"
			for (p in cpu) printf "%-12s %10.1f %10.1f\n", p, cpu[p], wall[p] | "sort -k2nr"
			close("sort -k2nr")
			printf "%-12s %10.1f %10.1f\n\n", "all", c, w
			printf "%-12s %-36s %10s %10s\n", "phase", "of", "CPU s", "wall s"
			for (k in case_cpu) { split(k, t, "\t"); printf "%-12s %-36s %10.1f %10.1f\n", t[1], t[2], case_cpu[k], case_wall[k] | "LC_ALL=C sort -k1,1 -k2,2" }
		}' "$CACHE/$PROFILE" | cat
}
