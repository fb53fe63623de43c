/* pause: sleep until SIGTERM, and have a container to look at meanwhile. */

#include <signal.h>
#include <unistd.h>

static void end(int signal)
{
    (void)signal;
    _exit(0);
}

int main(void)
{
    signal(SIGTERM, end);
    for (;;)
        pause();
}
