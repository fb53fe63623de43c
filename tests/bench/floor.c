/* floor: how fast the kernel lets anybody make the container that `cfs run` makes.
 *
 *     floor ROOTFS LIMIT COMMAND [ARG...]
 *
 * The same namespaces, mounts, masks, keyring, limit and capabilities in the same order,
 * and nothing else: no error texts, no options, no signals passed on, no captured output,
 * nothing closed or removed for the case of an accident, no Python.  LIMIT is how 20
 * processes become the limit: directories in which a cgroup is made, with colons between,
 * "rlimit" for RLIMIT_NPROC, or "none".  With FLOOR_NETWORK in the environment the container has a
 * network namespace.  For every line on standard input it makes one container, waits for
 * its end, and prints when it began and when all was over: nanoseconds of
 * CLOCK_MONOTONIC.
 *
 * As an ordinary user it adds a user namespace, and binds the devices it may not make.
 * To check it against ours: strace -f floor ..., and cfs run --trace true true.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/keyctl.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define INERT (MS_NOSUID | MS_NODEV | MS_NOEXEC)
#define LENGTH(list) (sizeof(list) / sizeof *(list))
#define MOST_GROUPS 32

static const char *root, *limit;
static char *parents[MOST_GROUPS], groups[MOST_GROUPS][PATH_MAX];
static int group_count, born_outside;
static char **command;
static int is_root, network;

static void die(const char *what)
{
    perror(what);
    _exit(125);
}

#define TRY(call) do { if ((call) == -1) die(#call); } while (0)

static long long now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/* Write to DIRECTORY/NAME; say if it was there. */
static int put(const char *directory, const char *name, const char *text)
{
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/%s", directory, name) >= (int)sizeof path)
        die("path too long");
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd == -1 && errno == ENOENT)
        return 0;
    if (fd == -1 || write(fd, text, strlen(text)) == -1)
        die(path);
    close(fd);
    return 1;
}

/* A layer in memory over the rootfs: what is written goes there. */
static void layer(void)
{
    char options[200];
    int below = open(root, O_PATH | O_CLOEXEC);
    TRY(below);
    TRY(mount("tmpfs", "/tmp", "tmpfs", MS_NODEV,
              "mode=755,size=536870912,nr_inodes=65536"));
    TRY(chdir("/tmp"));
    TRY(mkdir("work", 0777));
    TRY(mkdir("upper", 0777));
    TRY(mkdir("upper/dev", 0777));
    TRY(mkdir("upper/proc", 0777));
    TRY(mkdir("upper/sys", 0777));
    snprintf(options, sizeof options,
             "lowerdir=/proc/self/fd/%d,upperdir=upper,workdir=work%s", below,
             is_root ? "" : ",userxattr");
    TRY(mount("overlay", "/tmp", "overlay", MS_NODEV, options));
    close(below);
    TRY(chdir("/tmp"));
}

static void bind_device(const char *name)
{
    char outside[100];
    snprintf(outside, sizeof outside, "/%s", name);
    int fd = open(name, O_CREAT | O_WRONLY | O_CLOEXEC, 0666);
    TRY(fd);
    close(fd);
    TRY(mount(outside, name, NULL, MS_BIND, NULL));
}

/* From here to the pivot, names are relative to the new root. */
static void devices(void)
{
    static const struct { const char *name; int major, minor; } made[] = {
        {"dev/null", 1, 3}, {"dev/zero", 1, 5}, {"dev/full", 1, 7},
        {"dev/random", 1, 8}, {"dev/urandom", 1, 9}, {"dev/tty", 5, 0},
    };
    static const char *links[][2] = {
        {"pts/ptmx", "dev/ptmx"}, {"/proc/self/fd", "dev/fd"},
        {"/proc/self/fd/0", "dev/stdin"}, {"/proc/self/fd/1", "dev/stdout"},
        {"/proc/self/fd/2", "dev/stderr"},
    };
    TRY(mount("tmpfs", "dev", "tmpfs", MS_NOSUID, "mode=755,size=64k,nr_inodes=64"));
    umask(0);
    for (size_t i = 0; i < LENGTH(made); i++)
        if (is_root)
            TRY(mknod(made[i].name, S_IFCHR | 0666,
                      makedev(made[i].major, made[i].minor)));
        else
            bind_device(made[i].name);
    umask(022);
    for (size_t i = 0; i < LENGTH(links); i++)
        TRY(symlink(links[i][0], links[i][1]));
    TRY(mkdir("dev/pts", 0777));
    TRY(mount("devpts", "dev/pts", "devpts", MS_NOSUID | MS_NOEXEC,
              "newinstance,ptmxmode=0666,mode=0620"));
    TRY(mkdir("dev/shm", 0777));
    TRY(mount("tmpfs", "dev/shm", "tmpfs", INERT, "mode=1777,size=64m,nr_inodes=4k"));
}

/* What user namespaces count, of what the user may have. */
static void leave_some_to_the_user(void)
{
    static const char *bounds[][2] = {
        {"max_inotify_instances", "32"}, {"max_inotify_watches", "8192"},
        {"max_mnt_namespaces", "64"}, {"max_net_namespaces", "64"},
        {"max_user_namespaces", "64"},
    };
    for (size_t i = 0; i < LENGTH(bounds); i++)
        put("proc/sys/user", bounds[i][0], bounds[i][1]);
}

static void hide_the_machine(void)
{
    static const char *masked[] = {
        "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
        "/proc/sched_debug", "/proc/timer_list", "/proc/timer_stats", "/proc/acpi",
        "/proc/asound", "/proc/scsi", "/sys/devices/virtual/powercap", "/sys/firmware",
    };
    static const char *read_only[] = {
        "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger",
    };
    for (size_t i = 0; i < LENGTH(masked); i++) {
        struct stat is;
        if (lstat(masked[i], &is) == -1)
            continue;
        if (S_ISDIR(is.st_mode))
            TRY(mount("tmpfs", masked[i], "tmpfs", INERT | MS_RDONLY,
                      "size=0,nr_inodes=1"));
        else
            TRY(mount("/dev/null", masked[i], NULL, MS_BIND, NULL));
    }
    for (size_t i = 0; i < LENGTH(read_only); i++) {
        if (mount(read_only[i], read_only[i], NULL, MS_BIND | MS_REC, NULL) == -1) {
            if (errno != ENOENT)
                die(read_only[i]);
            continue; /* this kernel has no such file */
        }
        TRY(mount(NULL, read_only[i], NULL,
                  MS_REMOUNT | MS_BIND | MS_RDONLY | INERT, NULL));
    }
}

/* FILTER is what box.py says: the bytes of the filter that our containers have. */
static void filter_calls(void)
{
    static unsigned char filter[] = {FILTER};
    struct sock_fprog program = {sizeof filter / sizeof(struct sock_filter),
                                 (struct sock_filter *)filter};
    TRY(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program));
}

static void keep_default_capabilities(void)
{
    /* Docker's without MKNOD and NET_RAW, as in cfslib/isolation/capabilities.py. */
    static const unsigned long long kept = 0xa00405fb;
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct sets[2];
    TRY(syscall(SYS_capget, &header, sets));
    unsigned long long has =
        sets[0].permitted | (unsigned long long)sets[1].permitted << 32;
    for (int i = 0; i < 64; i++)
        if (!((kept & has) >> i & 1) && prctl(PR_CAPBSET_DROP, i, 0, 0, 0) == -1)
            break; /* the kernel knows no more of them */
    filter_calls();
    memset(sets, 0, sizeof sets);
    sets[0].permitted = sets[0].effective = (unsigned)(kept & has);
    TRY(syscall(SYS_capset, &header, sets));
}

static void join_new_session_keyring(void)
{
    if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) == -1 &&
        errno != ENOSYS && errno != EPERM)
        die("keyctl");
}

static void be_limited(void)
{
    struct rlimit processes = {20, 20};
    /* On cgroup v1, cgroup.procs would move a whole process, and take 5 ms; and in v2 we
     * are born there. */
    for (int i = 0; i < group_count; i++)
        if (!put(groups[i], "tasks", "0") && born_outside)
            put(groups[i], "cgroup.procs", "0");
    if (strcmp(limit, "rlimit") == 0)
        TRY(setrlimit(RLIMIT_NPROC, &processes));
}

static int run_as_init(int started)
{
    pid_t main_process = vfork();
    if (main_process == 0) {
        execvp(command[0], command);
        _exit(127);
    }
    TRY(main_process);
    TRY(write(started, "!", 1));
    for (;;) {
        int status;
        pid_t ended = wait(&status);
        TRY(ended);
        if (ended == main_process)
            return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
}

static int become(int started)
{
    TRY(prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0));
    TRY(setsid());
    umask(022);
    join_new_session_keyring();
    TRY(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
    TRY(sethostname("cfs-container", 13));
    layer();
    TRY(mount("proc", "proc", "proc", INERT, NULL));
    if (mount("sysfs", "sys", "sysfs", INERT | MS_RDONLY, NULL) == -1 && errno != EPERM)
        die("sysfs");
    devices();
    if (!is_root)
        leave_some_to_the_user();
    be_limited();
    TRY(unshare(CLONE_NEWCGROUP));
    TRY(syscall(SYS_pivot_root, ".", "."));
    TRY(umount2(".", MNT_DETACH));
    TRY(chdir("/"));
    hide_the_machine();
    TRY(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0));
    keep_default_capabilities();
    TRY(prctl(PR_SET_NAME, "floor", 0, 0, 0));
    return run_as_init(started);
}

static void map_root_to_us(pid_t pid)
{
    char directory[30], text[30];
    snprintf(directory, sizeof directory, "/proc/%d", pid);
    put(directory, "setgroups", "deny");
    snprintf(text, sizeof text, "0 %u 1", geteuid());
    put(directory, "uid_map", text);
    snprintf(text, sizeof text, "0 %u 1", getegid());
    put(directory, "gid_map", text);
}

/* A group of cpuset of v1 begins without processors and memory. */
static void copy(const char *from, const char *to, const char *name)
{
    char path[PATH_MAX], text[1000];
    if (snprintf(path, sizeof path, "%s/%s", from, name) >= (int)sizeof path)
        die("path too long");
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd == -1)
        return;
    ssize_t size = read(fd, text, sizeof text - 1);
    TRY(size);
    text[size] = 0;
    close(fd);
    put(to, name, text);
}

/* Make a group in each tree; return a descriptor of the one in v2, or -1. */
static int make_groups(int number)
{
    int v2 = -1;
    for (int i = 0; i < group_count; i++) {
        snprintf(groups[i], sizeof *groups, "%.3000s/cfs-floor-%d-%d", parents[i],
                 getpid(), number);
        TRY(mkdir(groups[i], 0777));
        put(groups[i], "pids.max", "20");
        copy(parents[i], groups[i], "cpuset.cpus");
        copy(parents[i], groups[i], "cpuset.mems");
        int group = open(groups[i], O_PATH | O_CLOEXEC);
        TRY(group);
        if (faccessat(group, "tasks", F_OK, 0) == -1)
            v2 = group;
        else
            close(group);
    }
    return v2;
}

static pid_t clone_into(int group, unsigned long long flags)
{
    struct clone_args how = {.flags = flags, .exit_signal = SIGCHLD};
    if (group != -1) {
        how.flags |= CLONE_INTO_CGROUP;
        how.cgroup = (unsigned)group;
    }
    pid_t pid = (pid_t)syscall(SYS_clone3, &how, sizeof how);
    if (pid == -1 && errno == ENOSYS) { /* as under valgrind */
        born_outside = 1;
        pid = (pid_t)syscall(SYS_clone, flags | SIGCHLD, NULL, NULL, NULL, NULL);
    }
    if (pid > 0 && group != -1)
        close(group);
    return pid;
}

/* Make one container, wait for its end, return its exit code. */
static int contain(int number)
{
    int go[2], started[2], status;
    char word;

    int group = make_groups(number);
    TRY(pipe2(go, O_CLOEXEC));
    TRY(pipe2(started, O_CLOEXEC));
    unsigned long flags = CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID |
                          (is_root ? 0 : CLONE_NEWUSER) | (network ? CLONE_NEWNET : 0);
    pid_t pid = clone_into(group, flags);
    TRY(pid);
    if (pid == 0) {
        close(started[0]);
        if (!is_root && read(go[0], &word, 1) != 1)
            _exit(125);
        _exit(become(started[1]));
    }
    close(started[1]);
    if (!is_root) {
        map_root_to_us(pid);
        TRY(write(go[1], "!", 1));
    }
    TRY(read(started[0], &word, 1));
    TRY(waitpid(pid, &status, 0));
    close(started[0]);
    close(go[0]);
    close(go[1]);
    for (int i = 0; i < group_count; i++)
        while (rmdir(groups[i]) == -1)
            if (errno != EBUSY)
                die(groups[i]);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int main(int argc, char **argv)
{
    char line[100];
    if (argc < 4)
        return 2;
    root = argv[1];
    limit = argv[2];
    command = argv + 3;
    if (*limit == '/')
        for (char *at = strtok(argv[2], ":"); at; at = strtok(NULL, ":"))
            if (group_count < MOST_GROUPS)
                parents[group_count++] = at;
    is_root = geteuid() == 0;
    network = getenv("FLOOR_NETWORK") != NULL;
    clearenv();
    setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
    setenv("HOME", "/root", 1);
    setenv("TERM", "dumb", 1);
    setenv("HOSTNAME", "cfs-container", 1);
    for (int count = 0; fgets(line, sizeof line, stdin); count++) {
        long long began = now();
        int code = contain(count);
        if (code != 0) {
            fprintf(stderr, "floor: exit code %d\n", code);
            return 1;
        }
        printf("%lld %lld\n", began, now());
        fflush(stdout);
    }
    return 0;
}
