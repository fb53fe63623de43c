"""Network: how anything gets in or out of a container.

As root, the containers of one network hang on a bridge; as an ordinary user, each is
joined to the host by a program that copies what it sends, `pasta` or `slirp4netns`.

    alone      what a container has that shares no network with anybody
    links      interfaces, addresses and routes, in the words of ip(8)
    addresses  addresses as numbers, and networks that nobody here uses
    rules      what may pass by a network of ours: a table of nftables, all our own
    gone       records of network namespaces that are no more
    records    which networks there are, and which address is whose: files, no daemon
    ports      what is published of a container, and where
    names      what a container finds in /etc/hosts and /etc/resolv.conf
    streams    copy what comes by TCP, without looking at it
    datagrams  copy what comes by UDP, and bring the answers back
    bridge     the network of root's containers
    copier     the network of an ordinary user's container
    keeper     a process beside a container that copies, and clears up after a maker
    joined     what a maker does so that its container has a network
    inside     what PID 1 does so that it has one

Manual pages: network_namespaces(7), veth(4), nft(8), pasta(1), slirp4netns(1).
"""
