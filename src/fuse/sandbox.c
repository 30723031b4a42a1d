/* sandbox.c - no new privileges, a seccomp filter, Landlock: see sandbox.h.
 *
 * The filter is a list of what is forbidden, not of what is allowed: libc and OpenSSL of another day may call
 * what we do not know of, and a daemon that dies of it would hang every program on the mount. What is listed
 * has no honest use here. */
#include "fuse/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifdef HAVE_LINUX_LANDLOCK_H
#include <linux/landlock.h>
#endif

#include "util/cleanup.h"
#include "util/fd.h"

/* --- seccomp --- */

#if defined(__x86_64__)
#define THIS_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define THIS_ARCH AUDIT_ARCH_AARCH64
#elif defined(__powerpc64__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define THIS_ARCH AUDIT_ARCH_PPC64LE
#endif

/* Other programs, other processes' memory, mounts and namespaces, the kernel itself. umount2 needs no line:
 * the capability for it is gone (sandbox_caps.c). */
static const int forbidden[] = {
	SYS_execve,
	SYS_execveat,
	SYS_ptrace,
	SYS_process_vm_readv,
	SYS_process_vm_writev,
	SYS_kcmp,
	SYS_mount,
	SYS_pivot_root,
	SYS_chroot,
	SYS_setns,
	SYS_open_by_handle_at,
	SYS_name_to_handle_at,
	SYS_bpf,
	SYS_perf_event_open,
	SYS_userfaultfd,
	SYS_init_module,
	SYS_finit_module,
	SYS_delete_module,
	SYS_kexec_load,
	SYS_reboot,
	SYS_swapon,
	SYS_swapoff,
	SYS_acct,
	SYS_quotactl,
	SYS_personality,
	SYS_add_key,
	SYS_request_key,
	SYS_keyctl,
	SYS_settimeofday,
	SYS_clock_settime,
	SYS_clock_adjtime,
	SYS_adjtimex,
	SYS_sethostname,
	SYS_setdomainname,
	SYS_syslog,
	SYS_vhangup,
	SYS_fanotify_init,
#ifdef SYS_quotactl_fd
	SYS_quotactl_fd,
#endif
#ifdef SYS_process_madvise
	SYS_process_madvise,
#endif
#ifdef SYS_kexec_file_load
	SYS_kexec_file_load,
#endif
#ifdef SYS_iopl
	SYS_iopl,
	SYS_ioperm,
#endif
#ifdef SYS_modify_ldt
	SYS_modify_ldt,
#endif
#ifdef SYS_pidfd_getfd
	SYS_pidfd_getfd,
#endif
#ifdef SYS_io_uring_setup
	SYS_io_uring_setup,
	SYS_io_uring_enter,
	SYS_io_uring_register,
#endif
#ifdef SYS_move_mount
	SYS_open_tree,
	SYS_move_mount,
	SYS_fsopen,
	SYS_fsconfig,
	SYS_fsmount,
	SYS_fspick,
#endif
#ifdef SYS_mount_setattr
	SYS_mount_setattr,
#endif
};

enum {
	NAMESPACES = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |
		     CLONE_NEWPID | CLONE_NEWNET
};
enum { N_FORBIDDEN = sizeof(forbidden) / sizeof(forbidden[0]), FILTER_MAX = N_FORBIDDEN + 32 };

#ifdef THIS_ARCH
struct program {
	struct sock_filter code[FILTER_MAX];
	unsigned short n;
};

static void add(struct program *p, uint16_t code, uint32_t k, uint8_t jt, uint8_t jf)
{
	p->code[p->n++] = (struct sock_filter){ code, jt, jf, k };
}

static void load(struct program *p, size_t offset)
{
	add(p, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
}

static void build(struct program *p)
{
	const uint32_t refuse = SECCOMP_RET_ERRNO | EPERM;

	load(p, offsetof(struct seccomp_data, arch));
	add(p, BPF_JMP | BPF_JEQ | BPF_K, THIS_ARCH, 1, 0);
	add(p, BPF_RET | BPF_K, refuse, 0, 0); /* another system call table, where numbers mean other calls */
	load(p, offsetof(struct seccomp_data, nr));
#ifdef __x86_64__
	add(p, BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 0, 1); /* x32, the same */
	add(p, BPF_RET | BPF_K, refuse, 0, 0);
#endif
	for (size_t i = 0; i < N_FORBIDDEN; i++)
		add(p, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)forbidden[i], (uint8_t)(N_FORBIDDEN - i), 0);
	add(p, BPF_JMP | BPF_JA, 1, 0, 0);
	add(p, BPF_RET | BPF_K, refuse, 0, 0);
	/* unshare(2): a umask of one's own (view/fwd_name.c), no namespaces */
	add(p, BPF_JMP | BPF_JEQ | BPF_K, SYS_unshare, 0, 4);
	load(p, offsetof(struct seccomp_data, args[0]));
	add(p, BPF_JMP | BPF_JSET | BPF_K, (uint32_t)~CLONE_FS, 0, 1);
	add(p, BPF_RET | BPF_K, refuse, 0, 0);
	add(p, BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0, 0);
	/* clone(2): threads, no namespaces. Of clone3(2) the flags cannot be seen; libc falls back on
	 * clone(2). */
	add(p, BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 4);
	load(p, offsetof(struct seccomp_data, args[0]));
	add(p, BPF_JMP | BPF_JSET | BPF_K, NAMESPACES, 0, 1);
	add(p, BPF_RET | BPF_K, refuse, 0, 0);
	add(p, BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0, 0);
#ifdef SYS_clone3
	add(p, BPF_JMP | BPF_JEQ | BPF_K, SYS_clone3, 0, 1);
	add(p, BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS, 0, 0);
#endif
	/* socket(2): syslog */
	add(p, BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 0, 3);
	load(p, offsetof(struct seccomp_data, args[0]));
	add(p, BPF_JMP | BPF_JEQ | BPF_K, AF_UNIX, 1, 0);
	add(p, BPF_RET | BPF_K, refuse, 0, 0);
	add(p, BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0, 0);
}

static bool enter_seccomp(void)
{
	struct program p = { .n = 0 };
	struct sock_fprog prog;

	build(&p);
	prog = (struct sock_fprog){ .len = p.n, .filter = p.code };
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog, 0, 0) == 0;
}
#else
static bool enter_seccomp(void)
{
	return false;
}
#endif

/* --- Landlock (Documentation/userspace-api/landlock.rst) --- */

#if defined(HAVE_LINUX_LANDLOCK_H) && defined(SYS_landlock_create_ruleset)
#ifndef LANDLOCK_ACCESS_FS_REFER
#define LANDLOCK_ACCESS_FS_REFER (1ULL << 13) /* version 2 */
#endif
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14) /* version 3 */
#endif

static const uint64_t reading = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
static const uint64_t changing =
    LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |
    LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |
    LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK |
    LANDLOCK_ACCESS_FS_MAKE_SYM | LANDLOCK_ACCESS_FS_REFER;

static bool allow(int rules, int fd, uint64_t access)
{
	struct landlock_path_beneath_attr rule = { .allowed_access = access, .parent_fd = fd };

	return syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0;
}

/* What is not there needs no rule. */
static void allow_path(int rules, const char *path, uint64_t access)
{
	auto_fd int fd = fd_openat(AT_FDCWD, path, O_PATH, 0);

	if (fd >= 0)
		(void)allow(rules, fd, access);
}

static void allow_parent(int rules, const char *path, uint64_t access)
{
	auto_free char *dir = strdup(path);
	char *slash = dir ? strrchr(dir, '/') : NULL;

	if (!slash)
		return;
	slash[slash == dir] = '\0';
	allow_path(rules, dir, access);
}

static int enter_landlock(const struct sandbox_options *opt)
{
	/* libc reads what it needs when it needs it: time zones, message catalogues, libraries. */
	static const char *const system_dirs[] = { "/proc", "/sys", "/etc", "/usr", "/lib", "/lib64" };
	static const char *const devices[] = { "/dev/fuse", "/dev/null", "/dev/zero", "/dev/urandom",
					       "/dev/random" };
	long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	const uint64_t truncate = version >= 3 ? LANDLOCK_ACCESS_FS_TRUNCATE : 0;
	const struct landlock_ruleset_attr attr = { .handled_access_fs = reading | changing | truncate |
									 LANDLOCK_ACCESS_FS_EXECUTE };
	auto_fd int rules = -1;

	if (version < 2) /* version 1 forbids every rename from one directory to another */
		return 0;
	rules = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr.handled_access_fs), 0);
	if (rules < 0 || !allow(rules, opt->store, reading | changing | truncate))
		return 0;
	for (size_t i = 0; i < sizeof(system_dirs) / sizeof(system_dirs[0]); i++)
		allow_path(rules, system_dirs[i], reading);
	for (size_t i = 0; i < sizeof(devices) / sizeof(devices[0]); i++)
		allow_path(rules, devices[i],
			   LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | truncate);
	allow_path(rules, "/sys",
		   LANDLOCK_ACCESS_FS_WRITE_FILE | truncate); /* read-ahead of the mount, if root */
	if (opt->ctlsock)
		allow_parent(rules, opt->ctlsock, LANDLOCK_ACCESS_FS_REMOVE_FILE);
	return syscall(SYS_landlock_restrict_self, rules, 0) == 0 ? (int)version : 0;
}
#else
static int enter_landlock(const struct sandbox_options *opt)
{
	(void)opt;
	return 0;
}
#endif

void sandbox_enter(const struct sandbox_options *opt, struct sandbox_state *ret)
{
	struct sandbox_state state = { .no_new_privs = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 };

	if (state.no_new_privs || geteuid() == 0) {
		state.landlock = enter_landlock(opt);
		state.seccomp = enter_seccomp();
	}
	state.few_capabilities = sandbox_drop_capabilities();
	if (ret)
		*ret = state;
}
