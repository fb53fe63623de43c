/* now: print what time it is, in nanoseconds of CLOCK_MONOTONIC, and end.
 *
 * So a container's command says itself when it ran, by the clock that its maker reads too.
 */

#include <stdio.h>
#include <time.h>

int main(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    printf("%lld\n", t.tv_sec * 1000000000LL + t.tv_nsec);
}
