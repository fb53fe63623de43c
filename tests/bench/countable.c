/* countable: preloaded, it has valgrind count what a container's makers do.
 *
 * A forked process begins with the count of the one that it came from, so it is told to
 * begin at zero.  And some calls valgrind does not know, up to version 3.19: openat2 is
 * openat here, and a pidfd is a descriptor of nothing, which is enough as long as nobody
 * sends signals.
 */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <stdarg.h>
#include <sys/syscall.h>
#include <valgrind/callgrind.h>

static long (*kernel)(long number, ...);

static void begin_at_zero(void)
{
    CALLGRIND_ZERO_STATS;
}

__attribute__((constructor)) static void prepare(void)
{
    kernel = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
    pthread_atfork(NULL, NULL, begin_at_zero);
}

long syscall(long number, ...)
{
    long word[6];
    va_list words;
    va_start(words, number);
    for (int i = 0; i < 6; i++)
        word[i] = va_arg(words, long);
    va_end(words);
    if (number == SYS_openat2) {
        const struct open_how *how = (const struct open_how *)word[2];
        return openat((int)word[0], (const char *)word[1], (int)how->flags);
    }
    if (number == SYS_pidfd_open)
        return open("/dev/null", O_RDONLY | O_CLOEXEC);
    long result = kernel(number, word[0], word[1], word[2], word[3], word[4], word[5]);
    if (number == SYS_clone && result == 0)
        begin_at_zero();
    return result;
}
