/* floor: how fast the kernel lets anybody make the container that `cfs run` makes.
 *
 *     floor ROOTFS LIMIT COMMAND [ARG...]
 *
 * The same namespaces, mounts, masks, keyring, limit and capabilities in the same order,
 * and nothing else: no error texts, no options, no signals passed on, no captured output,
 * nothing closed or removed for the case of an accident, no Python.  LIMIT is how 20
 * processes become the limit: a directory in which a cgroup may be made, "rlimit" for
 * RLIMIT_NPROC, or "none".  With FLOOR_NETWORK in the environment the container has a
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
#include <linux/keyctl.h>
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

static const char *root, *limit;
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
    TRY(mount("tmpfs", root, "tmpfs", MS_NODEV, "mode=755,size=1g"));
    TRY(chdir(root));
    TRY(mkdir("upper", 0777));
    TRY(mkdir("work", 0777));
    snprintf(options, sizeof options,
             "lowerdir=/proc/self/fd/%d,upperdir=upper,workdir=work%s", below,
             is_root ? "" : ",userxattr");
    TRY(mount("overlay", root, "overlay", MS_NODEV, options));
    close(below);
    TRY(chdir(root));
}

static void mount_point(const char *name)
{
    if (mkdir(name, 0777) == -1 && errno != EEXIST)
        die(name);
}

static void make_device(const char *name, int major, int minor)
{
    TRY(mknod(name, S_IFCHR | 0666, makedev(major, minor)));
    TRY(chmod(name, 0666));
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
    TRY(mount("tmpfs", "dev", "tmpfs", MS_NOSUID, "mode=755,size=64k"));
    for (size_t i = 0; i < LENGTH(made); i++)
        if (is_root)
            make_device(made[i].name, made[i].major, made[i].minor);
        else
            bind_device(made[i].name);
    for (size_t i = 0; i < LENGTH(links); i++)
        TRY(symlink(links[i][0], links[i][1]));
    TRY(mkdir("dev/pts", 0777));
    TRY(mount("devpts", "dev/pts", "devpts", MS_NOSUID | MS_NOEXEC,
              "newinstance,ptmxmode=0666,mode=0620"));
    TRY(mkdir("dev/shm", 0777));
    TRY(mount("tmpfs", "dev/shm", "tmpfs", INERT, "mode=1777,size=64m"));
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

static void keep_default_capabilities(void)
{
    /* Docker's without MKNOD and NET_RAW, as in cfslib/capabilities.py. */
    static const unsigned long long kept = 0xa00405fb;
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct sets[2];
    TRY(syscall(SYS_capget, &header, sets));
    unsigned long long has =
        sets[0].permitted | (unsigned long long)sets[1].permitted << 32;
    for (int i = 0; i < 64; i++)
        if (!((kept & has) >> i & 1) && prctl(PR_CAPBSET_DROP, i, 0, 0, 0) == -1)
            break; /* the kernel knows no more of them */
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

static void be_limited(const char *group)
{
    struct rlimit processes = {20, 20};
    /* On cgroup v1, cgroup.procs would move a whole process, and take 5 ms. */
    if (group && !put(group, "tasks", "0") && !put(group, "cgroup.procs", "0"))
        die(group);
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

static int become(const char *group, int started)
{
    TRY(prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0));
    TRY(setsid());
    umask(022);
    join_new_session_keyring();
    TRY(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
    TRY(sethostname("cfs-container", 13));
    layer();
    mount_point("dev");
    mount_point("proc");
    mount_point("sys");
    TRY(mount("proc", "proc", "proc", INERT, NULL));
    if (mount("sysfs", "sys", "sysfs", INERT | MS_RDONLY, NULL) == -1 && errno != EPERM)
        die("sysfs");
    devices();
    be_limited(group);
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

/* Make one container, wait for its end, return its exit code. */
static int contain(const char *group)
{
    int go[2], started[2], status;
    char word;

    if (group) {
        TRY(mkdir(group, 0777));
        put(group, "pids.max", "20");
    }
    TRY(pipe2(go, O_CLOEXEC));
    TRY(pipe2(started, O_CLOEXEC));
    unsigned long flags = CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID |
                          (is_root ? 0 : CLONE_NEWUSER) | (network ? CLONE_NEWNET : 0);
    pid_t pid = (pid_t)syscall(SYS_clone, flags | SIGCHLD, NULL, NULL, NULL, NULL);
    TRY(pid);
    if (pid == 0) {
        close(started[0]);
        if (!is_root && read(go[0], &word, 1) != 1)
            _exit(125);
        _exit(become(group, started[1]));
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
    while (group && rmdir(group) == -1)
        if (errno != EBUSY)
            die(group);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int main(int argc, char **argv)
{
    char line[100], group[PATH_MAX];
    if (argc < 4)
        return 2;
    root = argv[1];
    limit = argv[2];
    command = argv + 3;
    is_root = geteuid() == 0;
    network = getenv("FLOOR_NETWORK") != NULL;
    clearenv();
    setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
    setenv("HOME", "/root", 1);
    setenv("TERM", "dumb", 1);
    setenv("HOSTNAME", "cfs-container", 1);
    for (int count = 0; fgets(line, sizeof line, stdin); count++) {
        long long began = now();
        snprintf(group, sizeof group, "%.3000s/cfs-floor-%d-%d", limit, getpid(), count);
        int code = contain(*limit == '/' ? group : NULL);
        if (code != 0) {
            fprintf(stderr, "floor: exit code %d\n", code);
            return 1;
        }
        printf("%lld %lld\n", began, now());
        fflush(stdout);
    }
    return 0;
}
