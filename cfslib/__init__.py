"""Containers from scratch: the library behind the notebooks.

Start with `runtime.container`, which tells the whole story on one screen.  Each step in
it is a call into a module that fits on another.  The package has rooms.  A module uses
only rooms above its own, and in its own room only modules above itself; `isolation`,
`images` and `children` do not know of each other, nor do `observe` and `doctor`.

kernel: what the kernel is asked, and what it says

    flags         numbers of the kernel's that print as their names
    record        values with named parts
    held          what has to be taken down again, the last of it first
    kept_back     signals that wait while something is made or taken down
    hints         what a refused call usually means, and what to do about it
    procfs        what the kernel says about processes and mounts, read from /proc
    ffi           functions of the C library, declared without ctypes
    literal       read back a value that `repr` has written
    libc          the calls that put a container together, as plain functions
    messages      data with file descriptors, over a socket
    program       find the file that a command names, and start it
    tracing       a record of what the kernel was asked, and what it answered
    netlink       interfaces, addresses and routes: ask the kernel, and change them
    execute       become a program of a container's, while others may swap its files
    syscalls      the system calls that Python's standard library leaves out

isolation: the walls of a container, one file a wall

    namespaces    which parts of the machine a process has to itself
    idmaps        who a user inside is outside
    capabilities  the rights of root, one at a time
    mounts        which filesystems a process sees, and where
    volumes       directories of the host that are seen inside
    devices       a small /dev, with nothing that leads to the machine's hardware
    masks         cover what /proc and /sys tell about the machine
    keyring       a session of its own, without the keys of the host's
    users         who the command runs as
    seccomp       which calls the kernel answers, and which a filter does
    network       how anything gets in or out of a container
    workdir       where the relative paths of a process start, once its root changed
    rootfs        what a container sees at /, and the two ways to get in
    cgroups       how much of the machine a group of processes may use: v1, v2
    limits        what a container may use, and who enforces it
    rlimits       what the kernel lets a process have, as another one has it
    joining       come into the groups of somebody else, from anywhere in their trees
    freezer       hold all processes of a group still, and let them go on

images: where the files at / come from

    search        where programs of this machine are looked for
    elf           what a program file says about itself
    below         write below a directory, and nowhere else
    progress      how far long work has come, on one line of a terminal
    host_tools    a rootfs made of this machine's own programs
    needs         what a program needs to run, and whether a rootfs has it
    inventory     what is in a rootfs, and what programs will look for in vain
    ours          files that nobody else could have made, in directories of ours alone
    notes         which build a search path leads to, and what that build came from
    builds        fill the cache with what containers need next
    cache         the rootfs that `cfs run` uses when none is named
    headers       the blocks of 512 bytes that say what follows in a tar archive
    pax           what a header has no room for, as lines of text before it
    sparse        files with holes, of which an archive has what lies between them
    contents      the bytes of an archive, in the order in which a stream brings them
    entry         what an archive says about one file
    writer        files one after another, as an archive
    tar           the files of an archive one after another, as a stream brings them
    read_ahead    read a stream in a thread, while what it brought is being used
    compression   what is in a blob, whatever it was packed with, and what its hash is
    recorded      the owners of files where we can have but one, as an attribute
    metadata      give a file the owner, attributes, mode and times an archive names
    removal       remove what is in a directory, also what we closed to ourselves
    copies        a tree like another one, which has its files in common with it
    merged        where a name of a layer leads in the tree below it
    files         make what the entries of a layer stand for
    layers        put an archive on top of a tree, as an image means it
    diff          what was changed in an overlay, as a layer
    documents     JSON that came from elsewhere, bounded before it is parsed
    descriptor    what names a blob: what it is, its digest, how long it is
    tar_index     where in an archive its files are, to read each by its name
    docker_archive  the archives that `docker save` writes
    layout_writer   write images so that other tools can read them
    layout        images as other tools leave them, in a directory or in one file
    reference     the name of an image, as people type it and in full
    picked        what a container needs to know of an image
    config        what an image says of itself: how to run it, and how it was made
    manifests     what an image is made of, each part by its hash
    choice        which images of an archive are meant, and what they are called
    locks         who waits for whom in a store of images
    blobs         files that are named by the hash of what is in them
    urls          where a URL leads, and whether we go there
    web           ask a server over HTTP, and again if it is busy or the line is cut
    credentials   who we are at a registry, as `docker login` wrote it down
    challenges    what a registry asks of who comes to it, and how that is answered
    registry      ask a registry for parts of images, and give it some
    pulling       an image of a registry, as something that a store can load
    repacked      layers as they travel: compressed, and which digest each has then
    trees         the root filesystem of an image, its layers merged
    names         which images there are, each under the names that people gave it
    dockerfile    what a Dockerfile says, one instruction after the other
    substitution  variables and quotes in a Dockerfile
    patterns      names with * and ? in them
    context       the files that a build may copy, and a hash that tells if they changed
    recipe        what a Dockerfile changes in what an image says of itself
    steps         what the steps of builds have made, so that none has to be taken twice
    loading       bring an image into a store, part by part, and merge its layers
    clearing      take away what no image needs, and nothing that one does
    store         the images of a user: what they are made of, what they are called
    pushing       bring an image from a store to a registry, without what is there

children: a fresh process to try things in

    streams       standard input, output and error: all open, nothing held back
    pipes         catch what a program prints
    printing      print what a child prints, until it has answered
    answers       what a child process brings home
    worker        a child of the fork server, which waits for something to call
    over_exec     what a program does not get from the process that starts it
    inherited     what a child would have from this thread
    retirement    how a helper learns that it is wanted no more, and how urgently
    forkserver    a small process that forks where its client must not
    helper        a process beside ours that does what one with threads must not
    forkclient    ask the fork server for a child
    in_child      call a function in a child

runtime: the life of one container

    spec          what to run, and in what kind of box
    errors        an error as plain values, and back
    lifeline      what joins the end of a container to that of its maker
    steps         take the steps that make a container, but for those left out
    outer         a world around a container of which a step is left out
    ownership     what we own here, and what a container can therefore be made of
    init          become PID 1, start the command, look after it
    channel       what a container's PID 1 and its maker say to each other
    relay         stand between our terminal and a container, and copy
    terminal      a terminal for the container, joined to ours
    giving_up     be who the command is to be, with no right but those it is to have
    behind        what PID 1 asks the kernel behind its filter, and has to
    places        where is written down which containers there are
    names         what containers are called, by people and by us
    processes     know a process again, though its pid may be another's by now
    state         what is written down about one container, and who may read it when
    register      which containers there are: how they get their names, and are found
    entrance      the namespaces of a container, which its maker keeps open
    pod           a container on the network of another one, which goes on
    inside        the story goes on in PID 1, which turns itself into the container
    container     all of it, in order, as it is seen outside
    direct        run a container to its end, from a process with one thread
    logbook       what a container printed, and when, in a file read while it grows
    door          where those come in who join a container that its monitor keeps
    keep          stand outside of a container at which nobody looks
    monitor       the maker of a container that stays, when whoever asked has gone
    ending        send a container a signal, make it end, and hear how it did
    attached      join our streams to a container that a monitor keeps
    passage       what one on the way into a container tells those who wait outside
    way_in        leave the host behind, and come into a container that runs
    enter         run one more command in a container that runs
    visit         do something with the files of a container, as its root, unseen
    transfer      files as a tar archive, out of a directory and into one
    copying       files into a container that runs, and out of it
    changes       what has been changed of the files that a container started from
    running       containers that go on, for a program or a notebook
    scope         a part of the cgroup tree that systemd gives to an ordinary user
    request       what a program with threads asks the server for
    job           a container that runs for a client, and what the client is told
    ahead         one container that is made before anybody asks for it
    server        a small process that makes containers for a process with threads
    client        have the server make a container
    run           run a container to its end, from a program or a notebook

builder: images made from a Dockerfile, each RUN in a container

    stages        the parts of a Dockerfile, each of which begins with FROM
    hands         who may do what to the files of images, and where layers can be made
    workplace     where the layers of a build are until they are finished
    taking        make a layer of what a step has written
    copying       put files into a root filesystem, as COPY and ADD do
    running       take a RUN: a container whose layer stays when it has ended
    placing       take a COPY, an ADD or a WORKDIR: files that come from elsewhere
    bases         what a stage begins with, and what has become of it so far
    build         an image from a Dockerfile, step by step

observe: look at what runs, from outside

    sightings     what there is to see of a process from here
    stages        the mount table of a container after each step of its start
    succession    which process runs which program, from fork to exec to the end
    layered       what is in each layer of an overlay, after something was done in it
    rights        the five sets of capabilities of a process, and ways to change them
    passing_on    what becomes of the five sets at fork, exec and setuid
    file_fates    what is left of the right of a file, after what may happen to it
    twelve        what each of the twelve rights is for that a container's root has
    climb         where / and . are for a process on its way out of a changed root
    owners        who a process and its files are, inside a user namespace and outside
    belongings    what a process has, and whether that is ours or a container's
    arrival       one on the way into a container, and what he shares with it
    leak          the mount tables of a host and a container, while both mount something
    interfaces    what `ip addr` says of the network namespace that we are in
    spaces        network namespaces to try things in, all held by one process
    frames        what passes by the interfaces of network namespaces
    masquerade    what leaves by an interface says that the router has sent it
    ways          a small network, and a packet's way through it
    supervisor    answer the calls of a process in the kernel's place
    filtered      what becomes of a program if a filter answers some of its calls
    meter         how much a running container uses, read from outside
    trees         directories of the kernel's in which groups can be made to try things
    figures       how much a group or a container uses, as `docker stats` shows it
    inhabitants   the processes of a container, with the pids that they have inside
    pressure      press a container against its limits, and watch what comes of it
    groups        three groups side by side, a load in each, and what they use
    c_values      the argument of a call, written in C
    in_c          the calls that a trace shows, written in C

doctor: what this machine allows, and the line that mends what it does not

    machine       what kind of machine this is, and what is typed on such a one
    obstacles     what stands in the way of a container, and the line that removes it
    trials        try what a container needs, each thing in a child of its own
    extras        try what a container can do without: limits, ids beyond our own
    report        all of it, as text
    letter        one page about this machine, to mail before a class

lessons: the checks behind the exercises, one file a notebook

views: pictures and widgets; the only code that imports ipywidgets

cli: the `cfs` command

    parser        take a command line apart, by a table of the options there are
    limits        the options of `cfs run` that say how much of the machine it may use
    rights        those that say what the command may do
    life          those that say how long it lives, and who may know of it
    network       those that say whom it may reach, and who reaches it
    values        what may stand after the others, and what it means
    from_image    what an image says of how to run it, and what is typed in its place
    options       what was typed after `cfs run`, as a `Spec`
    manual        what `--help` prints
    failures      what `cfs` says if something goes wrong
    network_commands  `cfs network`: make networks, and look at them
    with_ids      do something as who may give files to other users
    registry_commands  `cfs image pull` and `push`: from and to a registry
    image_tables  what `cfs image` prints of images
    build_command  `cfs image build`: make an image from a Dockerfile
    image_commands  `cfs image`: bring images here, look at them, take them away
    life_table    containers as a table, and one with all that is known
    life_logs     print what a container has printed
    life_commands look at containers that go on by themselves, and end them
    inside_tables the processes of a container, and what containers use, as tables
    inside_commands look into containers that run, hold them still, copy files
    exec_command  run one more command in a container that runs
    commands      those of `cfs` besides `run` and these
    naming        what `cfs run` does for a container that goes on, or has a name
    entry         where `cfs` begins
    finder        find the modules of this package without looking around
    launcher      write a `cfs` that starts as fast as Python can

For notebooks: what their chapters import, besides a lesson and views of their own.

    kernel        libc, netlink, procfs, syscalls
    isolation     capabilities, cgroups, idmaps, limits, mounts, namespaces, network
    isolation     rootfs, seccomp, workdir
    images        cache, diff, host_tools, inventory, layers, manifests, store
    children      in_child
    runtime       entrance, init, inside, ownership, run, running, spec, way_in
    builder       taking, workplace
    observe       arrival, climb, figures, file_fates, filtered, frames, groups
    observe       interfaces, layered, leak, masquerade, owners, passing_on, pressure
    observe       rights, sightings, spaces, stages, succession, supervisor, twelve
    observe       ways
    doctor        extras, report
"""
