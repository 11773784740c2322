/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of kvm-mte share.  The tool reads and writes the module's files below
 * /sys/kernel/kvm_mte, and reads the guests' names from /proc.
 */
#ifndef KVM_MTE_H
#define KVM_MTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Exit status: kvm-mte(8). */
enum {
	END_OK = 0,
	END_ERROR = 1,
	END_USAGE = 2,
	END_NO_MTE = 3,
	END_NOT_LOADED = 4,
	END_NOT_ROOT = 5,
	END_IN_USE = 6,

	/* "run": the same values as for env(1), nice(1) and timeout(1) */
	END_RUN_ERROR = 125,
	END_RUN_CANNOT = 126,
	END_RUN_NOT_FOUND = 127,
};

#define ARRAY_SIZE(array)	(sizeof(array) / sizeof((array)[0]))
#define __printf(fmt, args)	__attribute__((format(printf, fmt, args)))

#define MTE_DIR		"/sys/kernel/kvm_mte"
#define MTE_VMS		MTE_DIR "/vms"
#define MTE_POLICY	MTE_DIR "/policy"

/**
 * struct vm - a VM as the module shows it
 * @dir: name of its directory
 * @fd: its directory, open; never becomes that of a later VM with the same name
 * @name: the guest's name from its VMM's command line, any bytes; NULL if none
 * @pid: its process
 * @state: off, on, turning-on, turning-off
 * @origin: none, vmm, policy, admin
 * @vcpus: number of vCPUs created so far
 * @pages_tagged: number of base pages whose tags were cleared for it; 0 on native
 * @tags_restored: number of base pages whose tags were restored from swap; 0 on native
 * @untracked: number of migrations by its VMM, which does not carry the tags
 * @held: 1 if an administrator holds it
 */
struct vm {
	char *dir;
	int fd;
	char *name;
	long long pid;
	char state[16];
	char origin[16];
	long long vcpus;
	long long pages_tagged;
	long long tags_restored;
	long long untracked;
	long long held;
};

/**
 * struct vms - all VMs
 * @vm: array of VMs
 * @nr: number of VMs
 */
struct vms {
	struct vm *vm;
	size_t nr;
};

/* main.c */
extern const char *root;
void complain(const char *fmt, ...) __printf(1, 2);
int usage_error(const char *fmt, ...) __printf(1, 2);
int more_than_help(void);
int take_json_option(int argc, char **argv, bool *json);
int flush_output(void);

/* io.c */
void *need(void *memory);
char *below_root(const char *fmt, ...) __printf(1, 2);
char *read_all(const char *path, size_t *len);
int read_word(int dir, const char *file, char *word, size_t size);
int read_number(int dir, const char *file, long long *nr);
int write_word(int dir, const char *file, const char *word);
bool is_loaded(void);
int not_loaded(void);

/* clock.c */
long long now_ms(void);

/* text.c, json.c: print names that another user has chosen */
void put_safely(FILE *to, const char *text);
void put_pages(FILE *to, long long pages);
void put_json(FILE *to, const char *text);

/* vmm.c, vms.c, find.c */
char *guest_name(long long pid);
int vms_read(struct vms *vms);
void vms_free(struct vms *vms);
void put_vm(FILE *to, const struct vm *vm);
void complain_of(const struct vm *vm, const char *fmt, ...) __printf(2, 3);
bool vm_is_there(const struct vm *vm);
int find_vms(const struct vms *vms, const char *which, bool (*is_wanted)(const struct vm *vm),
	     const struct vm **found);
const struct vm *find_vm(const struct vms *vms, const char *which);
int need_vms(struct vms *vms);
int each_named_vm(int argc, char **argv, const char *command, int (*run)(const struct vm *vm));

/* scan.c */
void vms_scan(struct vms *vms, bool *hidden);

/* cgroup.c */
bool is_cgroup_path(const char *word);
void each_listed_cgroup(void (*do_cgroup)(const char *list, const char *path, void *arg),
			void *arg);
int set_cgroup(const char *path, const char *word);
void show_cgroup(const char *path, const char *word);
int join_cgroup(const char *path);

/* list.c */
bool parse_seconds(const char *text, double *seconds);
bool parse_count(const char *text, long *count);

/* watch.c */
void watch_signals(void);
bool watch_stopped(void);
int watch_open(void);
bool watch_wait(int fd, double seconds);

/* cpu.c, config.c, klog.c: what the host has */
enum tribool { NO, YES, UNKNOWN };
bool cpu_is_arm64(void);
bool cpu_has_mte(void);
int cpu_mte_field(void);
enum tribool config_has(const char *option);
const char *config_source(void);
bool klog_readable(void);
const char *klog_last(const char *text);
size_t klog_said(const struct vm *vm);
void klog_explain(const struct vm *vm, size_t before);

/* host.c: the kernel and KVM */
#define LOADS_ANYWAY	"load the module: if it cannot work here, it does not load, and the kernel log has the reason"
enum kvm_mode { MODE_UNKNOWN, MODE_VHE, MODE_NVHE, MODE_PROTECTED };
bool booted_with(const char *option);
char *booted_value(const char *option);
char *host_release(void);
enum kvm_mode kvm_mode(void);
enum tribool kvm_has_mte(int *err);
const char *kvm_advice(int err);
bool kvm_is_missing(void);
char *inject_lacks(enum kvm_mode mode);
char *why_no_kvm(void);

/**
 * struct build - a build of the module
 * @version: its version; NULL if it is not known
 * @srcversion: checksum of its source; NULL if it is not known
 */
struct build {
	char *version;
	char *srcversion;
};

/* installed.c: the module's file */
char *installed(const char *release);
bool installed_for_another(void);
char *output_of(char *const *argv);
char *module_info(void);
char *info_value(const char *info, const char *key);
bool info_has(const char *info, const char *key, const char *value);

/* build.c */
bool build_installed(struct build *build);
void build_loaded(struct build *build);
void build_free(struct build *build);
enum tribool builds_differ(const struct build *a, const struct build *b);

/* why.c */
bool cpu_is_known(void);
int why_not(bool json);

/* The commands: argv[0] is the command's name. */
int cmd_status(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_list(int argc, char **argv);
int cmd_events(int argc, char **argv);
int cmd_drain(int argc, char **argv);
int cmd_enable(int argc, char **argv);
int cmd_disable(int argc, char **argv);
int cmd_hold(int argc, char **argv);
int cmd_release(int argc, char **argv);
int cmd_tags(int argc, char **argv);
int cmd_migrate(int argc, char **argv);
int cmd_save(int argc, char **argv);
int cmd_restore(int argc, char **argv);
int cmd_policy(int argc, char **argv);
int cmd_run(int argc, char **argv);
int cmd_metrics(int argc, char **argv);

#endif /* KVM_MTE_H */
