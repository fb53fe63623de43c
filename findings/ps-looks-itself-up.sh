#!/bin/sh
# In a PID namespace that still has the /proc of another one, whether `ps -e` works depends
# on what numbers are in use outside.
#
# Seen with procps 4.0.2 on Linux 6.18.  A /proc shows the PID namespace of whoever mounted
# it, to everybody, and /proc/self works in it all the same.  But ps asks getpid() who it
# is, which is a number of the namespace inside, and reads /proc/NUMBER/stat.  If there is
# no such process outside, it prints "fatal library error, lookup self" and ends with 1,
# though -e does not need to know.  If there is one, whichever it is, ps goes on.  So a lesson
# or a script may work on one machine, and fail in an image where few processes run.
# busybox 1.35 reads /proc alone, and lists all that is outside.
set -eu

directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cd "$directory"
for package in procps=2:4.0.2-3 libproc2-0=2:4.0.2-3 busybox-static=1:1.35.0-4+deb12u1+b1
do
    apt-get download -qq -o APT::Sandbox::User=root "$package"
done
for file in *.deb; do dpkg-deb --extract "$file" .; done
export LD_LIBRARY_PATH="$directory/usr/lib/$(uname -m)-linux-gnu"
./bin/ps --version

# The number of the next process inside is one that is there outside, or is not.
inside() {
    unshare --user --map-root-user --pid --fork --kill-child sh -c '
        echo $(($1 - 1)) >/proc/sys/kernel/ns_last_pid
        shift
        "$@" 2>&1 >/dev/null; echo "exit status $?"
    ' sh "$@"
}

free=30000
while [ -e "/proc/$free" ]; do free=$((free + 1)); done
seen=$(
    echo "a number that is free outside:" $(inside "$free" ./bin/ps -e)
    echo "the number of a process:" $(inside "$$" ./bin/ps -e)
    echo "busybox, a free number:" $(inside "$free" ./bin/busybox ps)
)
echo "$seen"
[ "$seen" = "a number that is free outside: fatal library error, lookup self exit status 1
the number of a process: exit status 0
busybox, a free number: exit status 0" ] || {
    echo "this is new"
    exit 1
}
