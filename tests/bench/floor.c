/* floor: how fast the kernel lets anybody make the container that `cfs run` makes.
 *
 *     floor ROOTFS CGROUP COMMAND [ARG...]
 *
 * The same namespaces, mounts, masks, limit and capabilities in the same order, and
 * nothing else: no error texts, no options, no Python.  CGROUP is a directory in which
 * a group may be made, or "-" for a limit by RLIMIT_NPROC.  For every line on standard
 * input it makes one container, waits for its end, and prints how long that took: until
 * the command ran and until all was over, in nanoseconds.
 *
 * As an ordinary user it adds a user namespace, and binds the devices it may not make.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
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

static const char *root, *cgroup;
static char **command;
static int is_root;
static int network;

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

static void put(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY);
    if (fd == -1 || write(fd, text, strlen(text)) == -1)
        die(path);
    close(fd);
}

static const char *at(const char *name)
{
    static char path[4096];
    snprintf(path, sizeof path, "%s/%s", root, name);
    return path;
}

static const char *in_group(const char *group, const char *name)
{
    static char path[4096];
    snprintf(path, sizeof path, "%s/%s", group, name);
    return path;
}

/* A layer in memory over the rootfs: what is written goes there. */
static void layer(void)
{
    char options[200];
    int below = open(root, O_PATH | O_CLOEXEC);
    TRY(mount("tmpfs", root, "tmpfs", MS_NODEV, "mode=755,size=1g"));
    TRY(chdir(root));
    TRY(mkdir("upper", 0777));
    TRY(mkdir("work", 0777));
    snprintf(options, sizeof options,
             "lowerdir=/proc/self/fd/%d,upperdir=upper,workdir=work%s", below,
             is_root ? "" : ",userxattr");
    TRY(mount("overlay", root, "overlay", MS_NODEV, options));
    close(below);
}

static void devices(void)
{
    static const struct { const char *name; int minor; } made[] = {
        {"null", 3}, {"zero", 5}, {"full", 7}, {"random", 8}, {"urandom", 9}, {"tty", 0},
    };
    static const char *links[][2] = {
        {"pts/ptmx", "ptmx"}, {"/proc/self/fd", "fd"}, {"/proc/self/fd/0", "stdin"},
        {"/proc/self/fd/1", "stdout"}, {"/proc/self/fd/2", "stderr"},
    };
    char name[100], device[100];
    TRY(mount("tmpfs", at("dev"), "tmpfs", MS_NOSUID, "mode=755,size=64k"));
    for (size_t i = 0; i < sizeof made / sizeof *made; i++) {
        snprintf(name, sizeof name, "dev/%s", made[i].name);
        if (is_root) {
            int major = strcmp(made[i].name, "tty") ? 1 : 5;
            TRY(mknod(at(name), S_IFCHR | 0666, makedev(major, made[i].minor)));
            TRY(chmod(at(name), 0666));
        } else {
            snprintf(device, sizeof device, "/dev/%s", made[i].name);
            close(open(at(name), O_CREAT | O_WRONLY, 0666));
            TRY(mount(device, at(name), NULL, MS_BIND, NULL));
        }
    }
    for (size_t i = 0; i < sizeof links / sizeof *links; i++) {
        snprintf(name, sizeof name, "dev/%s", links[i][1]);
        TRY(symlink(links[i][0], at(name)));
    }
    TRY(mkdir(at("dev/pts"), 0777));
    TRY(mount("devpts", at("dev/pts"), "devpts", MS_NOSUID | MS_NOEXEC,
              "newinstance,ptmxmode=0666,mode=0620"));
    TRY(mkdir(at("dev/shm"), 0777));
    TRY(mount("tmpfs", at("dev/shm"), "tmpfs", INERT, "mode=1777,size=64m"));
}

static void hide_the_machine(void)
{
    static const char *masked[] = {
        "/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys",
        "/proc/latency_stats", "/proc/sched_debug", "/proc/scsi", "/proc/timer_list",
        "/proc/timer_stats", "/sys/devices/virtual/powercap", "/sys/firmware",
    };
    static const char *read_only[] = {
        "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger",
    };
    for (size_t i = 0; i < sizeof masked / sizeof *masked; i++) {
        struct stat is;
        if (lstat(masked[i], &is) == -1)
            continue;
        if (S_ISDIR(is.st_mode))
            TRY(mount("tmpfs", masked[i], "tmpfs", INERT | MS_RDONLY,
                      "size=0,nr_inodes=1"));
        else
            TRY(mount("/dev/null", masked[i], NULL, MS_BIND, NULL));
    }
    for (size_t i = 0; i < sizeof read_only / sizeof *read_only; i++) {
        if (access(read_only[i], F_OK) == -1)
            continue;
        TRY(mount(read_only[i], read_only[i], NULL, MS_BIND | MS_REC, NULL));
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
    unsigned long long has = sets[0].permitted | (unsigned long long)sets[1].permitted << 32;
    for (int i = 0; prctl(PR_CAPBSET_READ, i, 0, 0, 0) != -1; i++)
        if (!((kept & has) >> i & 1))
            TRY(prctl(PR_CAPBSET_DROP, i, 0, 0, 0));
    memset(sets, 0, sizeof sets);
    sets[0].permitted = sets[0].effective = (unsigned)(kept & has);
    TRY(syscall(SYS_capset, &header, sets));
}

static int become(const char *group, int started)
{
    TRY(prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0));
    TRY(setsid());
    if (group)
        put(in_group(group, access(in_group(group, "tasks"), F_OK) ? "cgroup.procs"
                                                                   : "tasks"), "0");
    else if (!is_root) {
        struct rlimit limit = {20, 20};
        TRY(setrlimit(RLIMIT_NPROC, &limit));
    }
    TRY(unshare(CLONE_NEWCGROUP));
    TRY(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
    TRY(sethostname("cfs-container", 13));
    layer();
    mkdir(at("proc"), 0777);
    mkdir(at("sys"), 0777);
    mkdir(at("dev"), 0777);
    TRY(mount("proc", at("proc"), "proc", INERT, NULL));
    mount("sysfs", at("sys"), "sysfs", INERT | MS_RDONLY, NULL); /* or it stays empty */
    devices();
    TRY(chdir(root));
    TRY(syscall(SYS_pivot_root, ".", "."));
    TRY(umount2(".", MNT_DETACH));
    TRY(chdir("/"));
    hide_the_machine();
    TRY(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0));
    keep_default_capabilities();

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

static int contain(long long *running)
{
    static int count;
    char group[4096], text[100];
    int ready[2], started[2], status;

    snprintf(group, sizeof group, "%s/floor-%d-%d", cgroup, getpid(), count++);
    const char *ours = *cgroup == '-' ? NULL : group;
    if (ours) {
        TRY(mkdir(ours, 0777));
        put(in_group(ours, "pids.max"), "20");
    }
    TRY(pipe2(ready, O_CLOEXEC));
    TRY(pipe2(started, O_CLOEXEC));
    unsigned long flags = CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID |
                          (is_root ? 0 : CLONE_NEWUSER) | (network ? CLONE_NEWNET : 0);
    pid_t pid = (pid_t)syscall(SYS_clone, flags | SIGCHLD, NULL, NULL, NULL, NULL);
    TRY(pid);
    if (pid == 0) {
        char go;
        close(started[0]);
        if (!is_root && read(ready[0], &go, 1) != 1)
            _exit(125);
        _exit(become(ours, started[1]));
    }
    close(started[1]);
    if (!is_root) {
        char path[100];
        snprintf(path, sizeof path, "/proc/%d/setgroups", pid);
        put(path, "deny");
        snprintf(path, sizeof path, "/proc/%d/uid_map", pid);
        snprintf(text, sizeof text, "0 %d 1", geteuid());
        put(path, text);
        snprintf(path, sizeof path, "/proc/%d/gid_map", pid);
        snprintf(text, sizeof text, "0 %d 1", getegid());
        put(path, text);
        TRY(write(ready[1], "!", 1));
    }
    char word;
    if (read(started[0], &word, 1) == 1)
        *running = now();
    TRY(waitpid(pid, &status, 0));
    close(started[0]);
    close(ready[0]);
    close(ready[1]);
    while (ours && rmdir(ours) == -1)
        if (errno != EBUSY)
            die(ours);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int main(int argc, char **argv)
{
    char line[100];
    if (argc < 4)
        return 2;
    root = argv[1];
    cgroup = argv[2];
    command = argv + 3;
    is_root = geteuid() == 0;
    network = getenv("FLOOR_NETWORK") != NULL;
    clearenv();
    setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
    while (fgets(line, sizeof line, stdin)) {
        long long before = now(), running = 0;
        int code = contain(&running);
        if (code != 0) {
            fprintf(stderr, "floor: exit code %d\n", code);
            return 1;
        }
        printf("%lld %lld\n", running - before, now() - before);
        fflush(stdout);
    }
    return 0;
}
