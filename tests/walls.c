/* walls: try from inside what a container must refuse or bound, and print each answer.

   "no" or the name of an error is a refusal, "done" is none; else the answer is a number
   or what was found.  Each attempt is made in a process of its own.  None leaves anything
   behind, or harms a machine that does not refuse it: where a call would do something,
   its arguments are ones that the kernel refuses too, but only after it has asked
   whether we may make it, and with another error.

   /etc/walls has a word by which the host's key, socket and cgroups are found. */

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <mntent.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/timex.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#if defined(__x86_64__) || defined(__i386__)
#include <sys/io.h>
#define HAS_PORTS 1
#endif

#define HERE "/usr"     /* a directory of every rootfs, to mount on */
#define MOST 33         /* more is not tried: others need some too */
#define SESSION (-3)    /* KEY_SPEC_SESSION_KEYRING */
#define USER (-4)       /* KEY_SPEC_USER_KEYRING */
#define SEARCH 10       /* KEYCTL_SEARCH */

static char token[64]; /* the host's word */
static char found[1024];

/* How attempts are made, and told. */

static void say(const char *answer)
{
    puts(answer);
    fflush(stdout);
    _exit(0);
}

static void say_number(long number)
{
    if (number < 0)
        say(strerrorname_np(errno));
    printf("%ld\n", number);
    fflush(stdout);
    _exit(0);
}

static void say_result(long result) { say(result < 0 ? strerrorname_np(errno) : "done"); }

static void say_found(void) { say(*found ? found : "no"); }

static int begins(const char *name)
{
    int status;

    printf("%s: ", name);
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        alarm(5);
        return 1;
    }
    if (pid < 0 || waitpid(pid, &status, 0) < 0)
        puts(strerrorname_np(errno));
    else if (WIFSIGNALED(status))
        printf("SIG%s\n", sigabbrev_np(WTERMSIG(status)));
    return 0;
}

#define TRY(name, ...) if (begins(name)) say_result(__VA_ARGS__)
#define COUNT(name, ...) if (begins(name)) say_number(__VA_ARGS__)
#define FIND(name, ...) if (begins(name)) { __VA_ARGS__; say_found(); }

/* The kernel gave this error after it had asked whether we may. */
static long unless(int error, long result)
{
    return result < 0 && errno == error ? 0 : result;
}

static void find(const char *name)
{
    size_t used = strlen(found);
    snprintf(found + used, sizeof found - used, "%s%s", used ? " " : "", name);
}

/* Files. */

static long writable(const char *path) { return open(path, O_WRONLY | O_NONBLOCK); }

/* Whether there is anything in a file or directory: masks are empty. */
static void look(const char *path)
{
    char byte;
    int fd = open(path, O_RDONLY | O_NONBLOCK);
    long size = fd < 0 ? -1 : read(fd, &byte, 1);
    if (size < 0 && errno == EISDIR) {
        DIR *directory = fdopendir(fd);
        for (size = -2; readdir(directory);)
            size++;
    }
    if (size)
        say_result(size);
    say("no");
}

static int is_writable(const char *path, const struct stat *about, int kind, struct FTW *at)
{
    const char *name = path + at->base;
    if (kind == FTW_D && at->level == 1 && (*name >= '0' && *name <= '9'))
        return FTW_SKIP_SUBTREE; /* a process */
    /* Root may open a file that nobody can write to. */
    int fd = kind == FTW_F && about->st_mode & 0222 ? writable(path) : -1;
    if (fd >= 0) {
        find(path);
        close(fd);
    }
    return FTW_CONTINUE;
}

static void find_writable(const char *top)
{
    struct statvfs about;
    if (!statvfs(top, &about) && !(about.f_flag & ST_RDONLY))
        nftw(top, is_writable, 10, FTW_PHYS | FTW_ACTIONRETVAL | FTW_MOUNT);
}

static long device_works(const char *path)
{
    if (mknod(path, S_IFCHR | 0666, makedev(1, 5)) < 0)
        return -1;
    int fd = open(path, O_RDONLY), error = errno;
    unlink(path);
    errno = error;
    return fd;
}

static void find_devices(void)
{
    static const char usual[] = " console full null ptmx random tty urandom zero ";
    char word[NAME_MAX + 3];
    struct dirent *entry;
    for (DIR *dev = opendir("/dev"); dev && (entry = readdir(dev));) {
        snprintf(word, sizeof word, " %s ", entry->d_name);
        if ((entry->d_type == DT_CHR || entry->d_type == DT_BLK) && !strstr(usual, word))
            find(entry->d_name);
    }
}

/* Mounts that lack a flag; devices work in /dev, and nothing else is there. */
static void find_mounts_without(unsigned long flag)
{
    FILE *table = setmntent("/proc/self/mounts", "r");
    struct mntent *mount;
    struct statvfs about;
    struct stat root;
    while (table && (mount = getmntent(table)))
        if (strncmp(mount->mnt_dir, "/dev", 4) && !stat(mount->mnt_dir, &root)
            && S_ISDIR(root.st_mode) && !statvfs(mount->mnt_dir, &about)
            && !(about.f_flag & flag))
            find(mount->mnt_dir);
}

static void find_the_hosts_paths(void)
{
    char line[4096], target[4096];
    FILE *table = fopen("/proc/self/mountinfo", "r");
    while (table && fgets(line, sizeof line, table))
        if (strstr(line, token) && sscanf(line, "%*s %*s %*s %*s %s", target) == 1)
            find(target);
}

static void find_groups(void)
{
    char line[PATH_MAX];
    FILE *groups = fopen("/proc/self/cgroup", "r");
    while (groups && fgets(line, sizeof line, groups))
        if (strcmp(strrchr(line, ':'), ":/\n"))
            find(strtok(strchr(line, ':'), "\n"));
}

static long of_filesystem(const char *path, int files)
{
    struct statvfs about;
    if (statvfs(path, &about) < 0)
        return -1;
    return files ? (long)about.f_files : (long)(about.f_blocks * about.f_frsize >> 20);
}

static long climb_out(void)
{
    struct stat before, after;
    if (stat("/", &before) < 0 || chroot(HERE) < 0)
        return -1;
    for (int step = 0; step < 100; step++)
        if (chdir("..") < 0)
            return -1;
    if (chroot(".") < 0 || stat("/", &after) < 0)
        return -1;
    if (before.st_dev == after.st_dev && before.st_ino == after.st_ino)
        say("no");
    return 0;
}

static long by_handle(void)
{
    char space[sizeof(struct file_handle) + MAX_HANDLE_SZ];
    struct file_handle *handle = (void *)space;
    int id, place = open("/dev/shm", O_RDONLY);
    handle->handle_bytes = MAX_HANDLE_SZ;
    if (name_to_handle_at(place, "", handle, &id, AT_EMPTY_PATH) < 0)
        return -1;
    return open_by_handle_at(place, handle, O_RDONLY);
}

static long runs_as_its_owner(const char *path)
{
    int status;
    if (fork() == 0) {
        execl(path, path, "who", NULL);
        _exit(2);
    }
    wait(&status);
    if (WEXITSTATUS(status) == 0)
        say("no");
    return 0;
}

static long write_word(const char *path, const char *word)
{
    int fd = open(path, O_WRONLY);
    return fd < 0 ? -1 : write(fd, word, strlen(word));
}

/* Processes and what they have. */

static void find_processes(void)
{
    struct dirent *entry;
    for (DIR *proc = opendir("/proc"); proc && (entry = readdir(proc));) {
        int pid = atoi(entry->d_name);
        if (pid > 1 && pid != getpid() && pid != getppid())
            find(entry->d_name);
    }
}

static void find_descriptors(void)
{
    char number[16];
    for (int fd = 3; fd < 1024; fd++)
        if (fcntl(fd, F_GETFD) >= 0) {
            snprintf(number, sizeof number, "%d", fd);
            find(number);
        }
}

static void find_variables(char **variables)
{
    for (; *variables; variables++)
        find(strndup(*variables, strcspn(*variables, "=")));
}

/* What stands in a file of the kernel's after this word. */
static const char *in_status(const char *path, const char *word)
{
    static char line[512];
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof line, file))
        if (!strncmp(line, word, strlen(word)))
            return line + strlen(word);
    return "";
}

/* But for two that the C library ignores when it starts a program. */
static void find_signals(const char *which)
{
    const char *mask = in_status("/proc/self/status", which);
    unsigned long long set = strtoull(mask, NULL, 16) & ~(3ULL << 31);
    if (set)
        snprintf(found, sizeof found, "%llx", set);
}

static void find_rights_of_pid_1(void)
{
    unsigned long long its = strtoull(in_status("/proc/1/status", "CapEff:"), NULL, 16);
    its &= ~strtoull(in_status("/proc/self/status", "CapEff:"), NULL, 16);
    if (its)
        snprintf(found, sizeof found, "%llx", its);
}

static long processes(void)
{
    long number = 0;
    pid_t pids[MOST];
    while (number < MOST && (pids[number] = fork()) >= 0)
        if (pids[number++] == 0)
            for (;;)
                pause();
    for (long each = 0; each < number; each++) {
        kill(pids[each], SIGKILL);
        waitpid(pids[each], NULL, 0);
    }
    return number;
}

static long inotify_instances(void)
{
    long number = 0;
    while (number < MOST && inotify_init() >= 0)
        number++;
    return number;
}

static long use_memory(size_t size)
{
    char *memory = mmap(NULL, size, PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return -1;
    for (size_t at = 0; at < size; at += 4096)
        memory[at] = 1;
    return 0;
}

static long raise_a_limit(void)
{
    struct rlimit niceness;
    getrlimit(RLIMIT_NICE, &niceness);
    niceness.rlim_max++;
    return setrlimit(RLIMIT_NICE, &niceness);
}

static long be_first(int policy)
{
    struct sched_param first = {.sched_priority = 1};
    return sched_setscheduler(0, policy, &first);
}

static long rename_to_the_same(void)
{
    char name[65];
    return gethostname(name, sizeof name) < 0 ? -1 : sethostname(name, strlen(name));
}

static long set_the_clock(void)
{
    struct timex impossible = {.modes = ADJ_TICK};
    return adjtimex(&impossible);
}

static long take_from_pid_1(void)
{
    long pid1 = syscall(SYS_pidfd_open, 1, 0);
    return pid1 < 0 ? -1 : syscall(SYS_pidfd_getfd, pid1, 0, 0);
}

static long join_pid_1(void)
{
    int namespace = open("/proc/1/ns/mnt", O_RDONLY);
    return namespace < 0 ? -1 : setns(namespace, 0);
}

/* Still there and running after signals that nobody can ignore. */
static void end_pid_1(void)
{
    static const int signals[] = {SIGSTOP, SIGSEGV, SIGKILL};
    for (size_t each = 0; each < sizeof signals / sizeof *signals; each++)
        kill(1, signals[each]);
    usleep(10000);
    if (*in_status("/proc/1/status", "State:\t") == 'T')
        find("stopped");
}

static void find_unshared(void)
{
    static const struct { int flag; const char *name; } kinds[] = {
        {CLONE_NEWNS, "mnt"}, {CLONE_NEWUTS, "uts"}, {CLONE_NEWIPC, "ipc"},
        {CLONE_NEWPID, "pid"}, {CLONE_NEWNET, "net"}, {CLONE_NEWCGROUP, "cgroup"},
        {CLONE_NEWTIME, "time"},
    };
    for (size_t each = 0; each < sizeof kinds / sizeof *kinds; each++)
        if (unshare(kinds[each].flag) == 0)
            find(kinds[each].name);
}

/* Of the terminal that a standard stream is, if one is: whose it is. */
static void push_into_the_terminal(void)
{
    struct stat ours, stream;
    for (int fd = 0; fd < 3; fd++) {
        if (!isatty(fd))
            continue;
        if (!fstat(fd, &stream) && !stat("/dev/pts", &ours) && ours.st_dev == stream.st_dev)
            say("its own");
        say_result(ioctl(fd, TIOCSTI, ""));
    }
    say("no");
}

/* What the kernel does for programs. */

static long connect_to_the_host(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t size = strlen(token);
    memcpy(address.sun_path + 1, token, size);
    size += offsetof(struct sockaddr_un, sun_path) + 1;
    return connect(socket(AF_UNIX, SOCK_STREAM, 0), (void *)&address, size);
}

static long watch_the_machine(void)
{
    struct perf_event_attr attr = {.type = PERF_TYPE_SOFTWARE, .size = sizeof attr};
    attr.config = PERF_COUNT_SW_DUMMY;
    return syscall(SYS_perf_event_open, &attr, -1, 0, -1, 0);
}

static long load_bpf(void)
{
    union bpf_attr attr = {.prog_type = BPF_PROG_TYPE_KPROBE, .insn_cnt = 1};
    return unless(EFAULT, syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof attr));
}

static long use_a_port(void)
{
#ifdef HAS_PORTS
    return ioperm(0x80, 1, 1);
#else
    errno = ENOSYS;
    return -1;
#endif
}

static long find_key(int keyring)
{
    return syscall(SYS_keyctl, SEARCH, keyring, "user", token, 0);
}

/* What root of a user namespace can do, which everybody can be. */

static void be_root_of_a_user_namespace(void)
{
    char map[32];
    int status, uid = geteuid(), gid = getegid();
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC
                | CLONE_NEWUTS | CLONE_NEWCGROUP) < 0)
        say_result(-1);
    write_word("/proc/self/setgroups", "deny");
    snprintf(map, sizeof map, "0 %d 1", uid);
    if (write_word("/proc/self/uid_map", map) < 0)
        say_result(-1);
    snprintf(map, sizeof map, "0 %d 1", gid);
    write_word("/proc/self/gid_map", map);
    if (fork() == 0) { /* who is PID 1 of the new namespace */
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        return;
    }
    wait(&status);
    if (status)
        say("killed");
    _exit(0);
}

static long may_group(const char *top)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/walls", top);
    return mkdir(path, 0755) < 0 ? -1 : rmdir(path);
}

/* Change a group that the host made; which setting there is, depends on the version. */
static long may_change_another(const char *top)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s/notify_on_release", top, token);
    if (write_word(path, "1") > 0)
        return 0;
    snprintf(path, sizeof path, "%s/%s/cgroup.max.depth", top, token);
    return write_word(path, "1");
}

/* A limit that is seen there is not "max". */
static long may_lift_our_limit(const char *top)
{
    char path[PATH_MAX], limit = 'm';
    snprintf(path, sizeof path, "%s/pids.max", top);
    int fd = open(path, O_RDWR);
    return read(fd, &limit, 1) < 0 || limit == 'm' ? -1 : 0;
}

/* Mount each tree of cgroups that there is; find those in which we may do this. */
static void find_trees(long (*may)(const char *top))
{
    char line[512], *saved;
    FILE *groups = fopen("/proc/self/cgroup", "r");
    while (groups && fgets(line, sizeof line, groups)) {
        strtok_r(line, ":", &saved);
        char *names = strtok_r(NULL, ":", &saved);
        int is_v2 = *names == '/';
        if (mount("none", HERE, is_v2 ? "cgroup2" : "cgroup", 0, is_v2 ? "" : names) < 0)
            continue;
        if (may(HERE) >= 0)
            find(is_v2 ? "v2" : names);
        umount2(HERE, MNT_DETACH);
    }
}

static void try_as_root_of_a_user_namespace(void)
{
    TRY("root of a user namespace", (be_root_of_a_user_namespace(), 0));
    TRY("as such, mount proc", (be_root_of_a_user_namespace(),
        mount("proc", HERE, "proc", 0, NULL)));
    TRY("as such, mount sysfs", (be_root_of_a_user_namespace(),
        mount("sysfs", HERE, "sysfs", 0, NULL)));
    TRY("as such, bind /proc without masks", (be_root_of_a_user_namespace(),
        mount("/proc", HERE, NULL, MS_BIND, NULL)));
    TRY("as such, unmount a mask", (be_root_of_a_user_namespace(),
        unless(EAGAIN, umount2("/proc/sys", MNT_EXPIRE))));
    TRY("as such, make /proc/sys writable", (be_root_of_a_user_namespace(),
        mount(NULL, "/proc/sys", NULL, MS_REMOUNT | MS_BIND, NULL)));
    TRY("as such, make a device", (be_root_of_a_user_namespace(),
        device_works("/dev/shm/new")));
    FIND("as such, make cgroups in", be_root_of_a_user_namespace(), find_trees(may_group))
    FIND("as such, change the host's cgroups", be_root_of_a_user_namespace(),
        find_trees(may_change_another))
    FIND("as such, lift its own limits", be_root_of_a_user_namespace(),
        find_trees(may_lift_our_limit))
}

static void try_mounts(void)
{
    TRY("mount", unless(ENODEV, mount("none", HERE, "no-such", 0, NULL)));
    TRY("unmount a mask", unless(EAGAIN, umount2("/proc/sys", MNT_EXPIRE)));
    if (begins("make /proc/sys writable")) {
        int inert = MS_REMOUNT | MS_BIND | MS_NOSUID | MS_NODEV | MS_NOEXEC;
        long result = mount(NULL, "/proc/sys", NULL, inert, NULL);
        if (result == 0)
            mount(NULL, "/proc/sys", NULL, inert | MS_RDONLY, NULL);
        say_result(result);
    }
    TRY("fsopen", syscall(SYS_fsopen, "tmpfs", 0));
    TRY("open_tree", syscall(SYS_open_tree, AT_FDCWD, "/", 1 /* OPEN_TREE_CLONE */));
    TRY("pivot_root", unless(ENOENT, syscall(SYS_pivot_root, "/no-such", "/no-such")));
    TRY("climb out of a chroot", climb_out());
    FIND("mounts where devices work", find_mounts_without(ST_NODEV))
    FIND("mounts where setuid works", find_mounts_without(ST_NOSUID))
    FIND("mounts that show the host's paths", find_the_hosts_paths())
    FIND("namespaces to unshare", find_unshared())
    TRY("setns to those of PID 1", join_pid_1());
}

static void try_files(void)
{
    FIND("files of /proc to write to", find_writable("/proc"))
    FIND("files of /sys to write to", find_writable("/sys"))
    TRY("write /proc/sysrq-trigger", writable("/proc/sysrq-trigger"));
    TRY("write core_pattern", writable("/proc/sys/kernel/core_pattern"));
    static const char *const told[] = {"/proc/kcore", "/proc/keys",
        "/proc/interrupts", "/proc/timer_list", "/proc/sched_debug", "/proc/acpi",
        "/proc/scsi", "/sys/firmware", "/sys/devices/virtual/powercap",
        "/sys/kernel/security", "/sys/kernel/debug", "/sys/fs/cgroup"};
    for (size_t each = 0; each < sizeof told / sizeof *told; each++) {
        char name[64];
        snprintf(name, sizeof name, "read %s", told[each]);
        if (begins(name))
            look(told[each]);
    }
    FIND("devices beyond the usual", find_devices())
    TRY("a device in /dev", device_works("/dev/new"));
    TRY("a device in /", device_works("/new"));
    TRY("a device in /dev/shm", device_works("/dev/shm/new"));
    TRY("open by handle", by_handle());
    TRY("open /proc/kmsg", open("/proc/kmsg", O_RDONLY));
    TRY("write to the program that runs", writable("/proc/self/exe"));
    TRY("write to what stdin reads", writable("/proc/self/fd/0"));
    TRY("setuid program", runs_as_its_owner("/bin/setuid"));
    TRY("write to /", open("/written", O_WRONLY | O_CREAT, 0600));
    if (access("/volume/setuid", F_OK) == 0) {
        TRY("write to a volume", open("/volume/written", O_WRONLY | O_CREAT, 0600));
        TRY("a device in a volume", device_works("/volume/new"));
        TRY("setuid program in a volume", runs_as_its_owner("/volume/setuid"));
    }
    COUNT("MB of files in /", of_filesystem("/", 0));
    COUNT("MB of files in /dev", of_filesystem("/dev", 0));
    COUNT("MB of files in /dev/shm", of_filesystem("/dev/shm", 0));
    COUNT("files in /", of_filesystem("/", 1));
    COUNT("files in /dev", of_filesystem("/dev", 1));
    COUNT("files in /dev/shm", of_filesystem("/dev/shm", 1));
}

static void try_processes(char **environment)
{
    FIND("processes beside its own", find_processes())
    TRY("trace PID 1", ptrace(PTRACE_SEIZE, 1, 0, 0));
    TRY("take a descriptor of PID 1", take_from_pid_1());
    static const char *const told[] = {"mem", "environ", "exe", "root", "cwd", "fd/0"};
    for (size_t each = 0; each < sizeof told / sizeof *told; each++) {
        char path[32];
        snprintf(path, sizeof path, "/proc/1/%s", told[each]);
        TRY(path, open(path, O_RDONLY));
    }
    FIND("rights that only PID 1 has", find_rights_of_pid_1())
    FIND("stop or end PID 1", end_pid_1())
    FIND("open descriptors", find_descriptors())
    FIND("environment", find_variables(environment))
    FIND("ignored signals", find_signals("SigIgn:"))
    FIND("blocked signals", find_signals("SigBlk:"))
    FIND("where its cgroups are on the host", find_groups())
    if (begins("umask"))
        printf("%03o\n", umask(0)), fflush(stdout), _exit(0);
    COUNT("nice", getpriority(PRIO_PROCESS, 0));
    COUNT("processes", processes());
    COUNT("inotify instances", inotify_instances());
    TRY("100 MB of memory", use_memory(100 << 20));
    TRY("raise a hard limit", raise_a_limit());
    TRY("be served first", setpriority(PRIO_PROCESS, 0, -1));
    TRY("be served in real time", be_first(SCHED_FIFO));
    TRY("be ended last", write_word("/proc/self/oom_score_adj", "-999"));
    if (begins("push into the host's terminal"))
        push_into_the_terminal();
}

static void try_calls(void)
{
    TRY("sethostname", rename_to_the_same());
    TRY("set the clock", unless(EINVAL, set_the_clock()));
    TRY("load a module", unless(ENOEXEC, syscall(SYS_init_module, "", 0, "")));
    TRY("load a kernel", unless(EINVAL, syscall(SYS_kexec_load, 0, 9999, NULL, 0xfff)));
    TRY("reboot", unless(EINVAL, syscall(SYS_reboot, 0, 0, 0, NULL)));
    TRY("swap to a file", unless(ENOENT, swapon("/no-such", 0)));
    TRY("account to a file", unless(ENOENT, acct("/no-such")));
    TRY("use a port of the machine", use_a_port());
    TRY("read the kernel's log", syscall(SYS_syslog, 3, found, 1));
    TRY("change what the console shows", unless(EINVAL, syscall(SYS_syslog, 8, found, 99)));
    TRY("watch the machine (perf)", watch_the_machine());
    TRY("load a bpf program", load_bpf());
    TRY("io_uring", unless(EFAULT, syscall(SYS_io_uring_setup, 1, NULL)));
    TRY("userfaultfd", syscall(SYS_userfaultfd, 0));
    TRY("fanotify", syscall(SYS_fanotify_init, 0, 0));
    TRY("a key of the host's session", find_key(SESSION));
    TRY("a key of the host's user", find_key(USER));
    TRY("packet socket", socket(AF_PACKET, SOCK_RAW, 0));
    TRY("raw socket", socket(AF_INET, SOCK_RAW, 1));
    TRY("vsock", socket(AF_VSOCK, SOCK_STREAM, 0));
    TRY("an abstract socket of the host's", connect_to_the_host());
}

int main(int argc, char **argv, char **environment)
{
    (void)argv;
    if (argc > 1)
        return geteuid() != getuid();
    int fd = open("/etc/walls", O_RDONLY);
    if (fd < 0 || read(fd, token, sizeof token - 1) < 1)
        return 2;
    close(fd);
    try_mounts();
    try_files();
    try_processes(environment);
    try_calls();
    try_as_root_of_a_user_namespace();
}
