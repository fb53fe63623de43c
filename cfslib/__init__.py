"""Containers from scratch: the library behind the notebooks.

Start with `container`, which tells the whole story on one screen.  Every step in it
is a call into one of the modules above it; a module uses only those above itself.

    hints         what a refused call usually means, and what to do about it
    procfs        what the kernel says about processes and mounts, read from /proc
    foreign       functions of the C library, declared without ctypes
    libc          the calls that put a container together, as plain functions
    rights        messages that carry file descriptors
    program       find the file that a command names, and start it
    pid1          what PID 1 does while the command runs
    janitor       a process that removes cgroups after us, even if we are killed
    lifeline      what joins the end of a container to that of its maker
    shelf         where recipes for containers lie, and whether they still hold
    player        make recorded calls again, and with them turn into PID 1
    replay        make a container again, from a recipe
    orders        tell a PID 1 that is ready what it was made for
    ahead         one container that is made before anybody asks for it
    playserver    a small process that plays recipes for a process with threads
    tracing       a record of what the kernel was asked, and what it answered
    syscalls      the system calls that Python's standard library leaves out
    cgroups       how much of the machine a group of processes may use: v1, v2
    namespaces    which parts of the machine a process has to itself
    idmaps        who a user inside is outside
    capabilities  the rights of root, one at a time
    mounts        which filesystems a process sees, and where
    trees         mounts that are held by a file descriptor, and are nowhere yet
    devices       a small /dev, with nothing that leads to the machine's hardware
    masks         cover what /proc and /sys tell about the machine
    keyring       a session of its own, without the keys of the host's
    c_values      the argument of a call, written in C
    in_c          the calls that a trace shows, written in C
    users         who the command runs as
    terminal      a terminal for the container, joined to ours
    elf           what a program file says about itself
    building      a rootfs made of this machine's own programs
    bar           how far long work has come, on one line of a terminal
    needs         what a program needs to run, and whether a rootfs has it
    inventory     what is in a rootfs, and what programs will look for in vain
    rootcache     the rootfs that `cfs run` uses when none is named
    rootfs        what a container sees at /, and the two ways to get in
    init          become PID 1, and start the command
    streams       standard input, output and error, and how to catch what is printed
    printing      print what a child prints, until it has answered
    answers       what a child process brings home
    standby       a child of the fork server, which waits for something to call
    forkserver    a small process that forks where its client must not
    helpers       a process beside ours that does what one with threads must not
    forkclient    ask the fork server for a child
    children      a fresh process to try things in
    limits        what a container may use, and who enforces it
    spec          what to run, and in what kind of box
    channel       what a container's PID 1 and its maker say to each other
    recipes       write down how a container was made, to make more like it
    playclient    have the play server make a container from a recipe
    playback      make a container from a recipe, here or next door
    container     all of it, in order
    stages        the mount table of a container after each step of its start
    meter         how much a running container uses, read from outside
    pressure      press a container against its limits, and watch what comes of it
    machine       what kind of machine this is, and what is typed on such a one
    obstacles     what stands in the way of a container, and the line that removes it
    trials        try what a container needs, each thing in a child of its own
    extras        try what a container can do without: limits, ids beyond our own
    doctor        what this machine allows, and the line that mends what it does not
    sightings     what there is to see of a process from here
    journal       which exercises are done, kept between sessions
    rehearsal     run a notebook as it is saved, to see what its checks say
    lessons       the checks behind the exercises, one file a notebook
    predictions   the questions before the cells, one file a notebook
    values        what may stand after an option of `cfs run`, and what it means
    options       what was typed after `cfs run`, as a `Spec`
    cli           the `cfs` command
    entry         where the `cfs` command begins
    launcher      write a `cfs` that starts as fast as Python can
    views         pictures and widgets for the notebooks
"""
